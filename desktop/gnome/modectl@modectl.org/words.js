// What people read. Pure functions of what the bus says, so that they can be
// tried without a shell; the translator comes from outside.

const SECOND = 1000000; // times on the bus are microseconds

const KNOWN_ICONS = ['desktop', 'studio', 'compute', 'maintenance'];

/**
 * Puts values into a translated text: fill('to {mode}', {mode: 'Studio'}).
 *
 * @param {string} text - with {names} in it
 * @param {object} values - what they stand for
 * @returns {string} - the text
 */
export function fill(text, values) {
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/**
 * The name of a mode's icon. A mode that we do not know has a common one.
 *
 * @param {string} mode - its name on the bus
 * @returns {string} - the icon's file, without its ending
 */
export function icon(mode) {
    return `moded-${KNOWN_ICONS.includes(mode) ? mode : 'mode'}-symbolic`;
}

/**
 * Seconds that are left of a phase, never below 0.
 *
 * @param {object} transition - the property
 * @param {number} now - microseconds since 1970
 * @returns {number} - whole seconds
 */
export function secondsLeft(transition, now) {
    return Math.max(0, Math.ceil(((transition.deadline ?? 0) - now) / SECOND));
}

/**
 * The verdict that stands in the way, if one does: those that deny come first.
 *
 * @param {object} plan - {allowed, verdicts, steps}
 * @returns {object|undefined} - the verdict
 */
export function obstacle(plan) {
    if (plan.allowed)
        return undefined;
    return plan.verdicts.find(v => v.outcome !== 'pass' && v.outcome !== 'warn');
}

/**
 * What a plan closes for good: lines for sessions, and names of programs.
 *
 * @param {object} plan - {allowed, verdicts, steps}
 * @returns {object} - {sessions, programs}
 */
export function endings(plan) {
    const steps = plan.steps.filter(s => s.ends?.length);
    const sessions = steps.flatMap(s => s.sessions ?? []);
    return {
        sessions: steps.flatMap(s => s.ends),
        programs: [...new Set(sessions.flatMap(s => s.closes ?? []))],
    };
}

/** The sentences, in the language of the person. */
export class Words {
    constructor(translator) {
        this._ = text => translator.gettext(text);
        this._n = (one, many, n) => translator.ngettext(one, many, n);
    }

    /** A mode's name as a title; names that we do not know stay as they are. */
    title(mode) {
        const titles = {
            desktop: this._('Desktop'),
            studio: this._('Studio'),
            compute: this._('Compute'),
            maintenance: this._('Maintenance'),
            boot: this._('Starting Up'),
            transitioning: this._('Changing'),
        };
        return Object.hasOwn(titles, mode) ? titles[mode] : mode;
    }

    /** The line under the toggle's title. */
    subtitle(state, now) {
        if (!state.present)
            return this._('Not running');
        if (!state.loaded)
            return this._('…');
        if (state.transition.id)
            return this._moving(state.transition, now);
        if (state.degraded.length)
            return fill(this._('{mode}, degraded'), {mode: this.title(state.mode)});
        return this.title(state.mode);
    }

    _moving(transition, now) {
        const values = {
            mode: this.title(transition.to),
            from: this.title(transition.from),
            step: this.stepNumber(transition),
            of: transition.of,
            left: this.span(secondsLeft(transition, now)),
        };
        return fill(this._short(transition), values);
    }

    _short({phase, of: steps}) {
        switch (phase) {
        case 'guarding':
            return this._('Asking for {mode}');
        case 'grace':
            return this._('{mode} in {left}');
        case 'awaiting-confirm':
            return this._('Keep {mode}? {left}');
        case 'undoing':
            return this._('Back to {from}');
        case 'stuck':
            return this._('Stuck');
        }
        return steps ? this._('{mode}: {step} of {of}') : this._('To {mode}');
    }

    /** The step that runs, counted as people do. */
    stepNumber(transition) {
        return Math.min((transition.index ?? 0) + 1, transition.of ?? 0);
    }

    /** A time to wait: 45 s, 2:05. */
    span(seconds) {
        if (seconds < 60)
            return fill(this._('{n} s'), {n: seconds});
        return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    }

    /** What is under way, in a sentence. */
    progress(state, now) {
        const {transition} = state;
        const values = {
            from: this.title(transition.from),
            to: this.title(transition.to),
            left: this.span(secondsLeft(transition, now)),
            step: this.stepNumber(transition),
            of: transition.of,
            what: this._what(state),
            message: transition.message ?? '',
        };
        return fill(this._long(transition), values).trim();
    }

    _long({phase, step}) {
        switch (phase) {
        case 'guarding':
            return this._('Asking whether {to} may begin');
        case 'grace':
            return this._('{to} begins in {left}. Nothing was touched yet.');
        case 'running':
            return step ? this._('Step {step} of {of}: {what}') : this._('Going to {to}');
        case 'undoing':
            return this._('Going back to {from}: {what}. {message}');
        case 'awaiting-confirm':
            return this._('{to} is reached. Without your word it is undone in {left}.');
        case 'stuck':
            return this._('Stuck between {from} and {to}. {message}');
        }
        return phase; // a daemon newer than we are
    }

    _what({steps, transition}) {
        return steps.find(s => s.name === transition.step)?.summary ?? transition.step ?? '';
    }

    /** What can be done about what is under way: [[member, label]]. */
    remedies(transition) {
        switch (transition.phase) {
        case 'grace':
            return [['proceed', this._('Switch Now')], ['cancel', this._('Cancel')]];
        case 'guarding':
            return [['cancel', this._('Cancel')]];
        case 'running':
            return [['cancel', this._undoLabel(transition)]];
        case 'awaiting-confirm':
            return [
                ['confirm', fill(this._('Keep {mode}'), {mode: this.title(transition.to)})],
                ['cancel', fill(this._('Go Back to {mode}'), {mode: this.title(transition.from)})],
            ];
        case 'stuck':
            return [['undoAgain', this._('Try Again to Undo')]];
        }
        return [];
    }

    _undoLabel(transition) {
        return transition['past-point-of-no-return']
            ? this._('Undo (Closed Programs Stay Closed)')
            : this._('Cancel and Undo');
    }

    /** Why a mode cannot be chosen now, or '' when nothing is in the way. */
    reason(plan) {
        const verdict = obstacle(plan);
        if (!verdict)
            return '';
        const more = plan.verdicts.filter(v => v.outcome === 'deny' || v.outcome === 'unknown').length - 1;
        const first = this._sentence(verdict.summary);
        return more > 0
            ? `${first} ${fill(this._n('And one more reason.', 'And {n} more reasons.', more), {n: more})}`
            : first;
    }

    /** All that is in the way, a line each, with what to do. */
    refusal(plan) {
        return plan.verdicts
            .filter(v => v.outcome === 'deny' || v.outcome === 'unknown')
            .map(v => [v.summary, v.remedy].filter(Boolean).map(s => this._sentence(s)).join(' '))
            .join('\n');
    }

    _sentence(text) {
        const first = text.charAt(0).toUpperCase() + text.slice(1);
        return /[.!?]$/.test(first) ? first : `${first}.`;
    }

    /** Under a mode's name: why not, else what it needs, else what it is for. */
    about(info, answer, reason) {
        if (reason)
            return reason;
        if (answer === 'no')
            return this._('You are not allowed to switch to it.');
        if (answer === 'challenge')
            return this._('Asks for a password.');
        return info.summary ?? '';
    }

    /** What a person must know before a session ends. */
    question(mode, plan) {
        const {sessions, programs} = endings(plan);
        const lines = [
            this._n('This closes a session and every program in it:',
                'This closes sessions and every program in them:', sessions.length),
            ...sessions.map(s => `• ${s}`),
        ];
        if (programs.length)
            lines.push(fill(this._('Programs: {names}'), {names: programs.join(', ')}));
        lines.push(this._('Save your work first: what closes cannot be brought back.'));
        return {title: fill(this._('Switch to {mode}?'), {mode: this.title(mode)}), text: lines.join('\n')};
    }

    /** Lines of warning at the top of the menu. */
    warnings(state, holds = []) {
        const kept = holds.map(h => fill(this._('Kept by {who} of {user}: {why}'), h));
        return [...state.degraded, ...this._failure(state), ...kept];
    }

    _failure({transition, last}) {
        if (transition.id || last.outcome !== 'rolled-back')
            return [];
        const lost = (last.lost ?? []).join(', ');
        const text = lost
            ? this._('{to} was undone: {message}. Closed for good: {lost}.')
            : this._('{to} was undone: {message}.');
        return [fill(text, {to: this.title(last.to), message: last.message, lost})];
    }

    /** The title above an error of the daemon's. */
    failure(member, {mode}) {
        if (member === 'SwitchMode')
            return fill(this._('Cannot switch to {mode}'), {mode: this.title(mode)});
        if (member === 'Hold')
            return this._('Cannot keep this mode');
        return this._('moded says no');
    }
}
