// Runs in plain gjs: gjs -m words.test.js. Says how much was asked, or what is wrong.

import System from 'system';

import {Words, endings, fill, icon, obstacle, secondsLeft} from './modectl@modectl.org/words.js';

const words = new Words({gettext: text => text, ngettext: (one, many, n) => n === 1 ? one : many});
const deny = (summary, remedy = '') => ({outcome: 'deny', summary, remedy});
const state = rest => ({
    present: true, loaded: true, mode: 'desktop', transition: {}, last: {}, degraded: [], steps: [], ...rest,
});
const transition = rest => ({
    id: 7, from: 'desktop', to: 'compute', phase: 'running', index: 2, of: 9, deadline: 65000000, message: '', ...rest,
});
const plan = {
    allowed: false,
    verdicts: [deny('REAPER is recording', 'stop recording'), {outcome: 'unknown', summary: 'no probe'}, {outcome: 'pass', summary: 'ok'}],
    steps: [
        {ends: ['session 3 of dev'], sessions: [{closes: ['reaper', 'firefox']}, {closes: ['firefox']}]},
        {ends: []},
        {},
    ],
};

const table = {
    'a text is filled, and keeps what it is not told': [fill('{a} of {b}', {a: 0}), '0 of {b}'],
    'a mode that is known has an icon of its own': [icon('studio'), 'moded-studio-symbolic'],
    'one that is not has the common one': [icon('../x'), 'moded-mode-symbolic'],
    'a name that is not known stays as it is': [words.title('band-practice'), 'band-practice'],
    'nor does a name of JavaScript mislead': [words.title('constructor'), 'constructor'],
    'time that is over is none': [secondsLeft({deadline: 5}, 9000000), 0],
    'no deadline, no time': [secondsLeft({}, 9000000), 0],
    'part of a second is one': [secondsLeft({deadline: 1500000}, 0), 2],
    'an absent daemon is said': [words.subtitle(state({present: false}), 0), 'Not running'],
    'at rest the mode is said': [words.subtitle(state(), 0), 'Desktop'],
    'and that it is degraded': [words.subtitle(state({degraded: ['x']}), 0), 'Desktop, degraded'],
    'grace counts down': [words.subtitle(state({transition: transition({phase: 'grace'})}), 0), 'Compute in 1:05'],
    'steps are counted from one': [words.subtitle(state({transition: transition()}), 0), 'Compute: 3 of 9'],
    'before the first there are none': [words.subtitle(state({transition: transition({of: 0})}), 0), 'To Compute'],
    'an undo says where to': [words.subtitle(state({transition: transition({phase: 'undoing'})}), 0), 'Back to Desktop'],
    'a new phase is no accident': [words.progress(state({transition: transition({phase: 'new'})}), 0), 'new'],
    'a step says what it does': [
        words.progress(state({transition: transition({step: 'gui release'}), steps: [{name: 'gui release', summary: 'end the GUI'}]}), 0),
        'Step 3 of 9: end the GUI',
    ],
    'or its name, while that is all': [words.progress(state({transition: transition({step: 'gui release'})}), 0), 'Step 3 of 9: gui release'],
    'stuck has the daemon\'s sentence': [
        words.progress(state({transition: transition({phase: 'stuck', message: 'Say modectl recover.'})}), 0),
        'Stuck between Desktop and Compute. Say modectl recover.',
    ],
    'what denies comes before what is not known': [obstacle(plan).summary, 'REAPER is recording'],
    'nothing is in the way of what is allowed': [obstacle({allowed: true, verdicts: [deny('x')]}), undefined],
    'a reason says that it is not alone': [words.reason(plan), 'REAPER is recording. And one more reason.'],
    'a refusal says what to do': [words.refusal(plan), 'REAPER is recording. Stop recording.\nNo probe.'],
    'endings name each program once': [endings(plan), {sessions: ['session 3 of dev'], programs: ['reaper', 'firefox']}],
    'a question names them': [
        words.question('compute', plan).text,
        'This closes a session and every program in it:\n• session 3 of dev\nPrograms: reaper, firefox\n' +
            'Save your work first: what closes cannot be brought back.',
    ],
    'a challenge is announced': [words.about({summary: 's'}, 'challenge', ''), 'Asks for a password.'],
    'a reason is more than a summary': [words.about({summary: 's'}, 'yes', 'r'), 'r'],
    'a summary is better than nothing': [words.about({summary: 's'}, undefined, undefined), 's'],
    'past the point of no return an undo says so': [
        words.remedies(transition({'past-point-of-no-return': true})),
        [['cancel', 'Undo (Closed Programs Stay Closed)']],
    ],
    'while it goes back there is nothing to do': [words.remedies(transition({phase: 'undoing'})), []],
    'what was lost is told afterwards': [
        words.warnings(state({last: {outcome: 'rolled-back', to: 'compute', message: 'no card', lost: ['programs of dev']}})),
        ['Compute was undone: no card. Closed for good: programs of dev.'],
    ],
    'who else holds is told': [
        words.warnings(state(), [{who: 'ardour', user: 'dev', why: 'take 3'}]),
        ['Kept by ardour of dev: take 3'],
    ],
};

const wrong = Object.entries(table)
    .filter(([, [got, want]]) => JSON.stringify(got) !== JSON.stringify(want))
    .map(([what, [got, want]]) => `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
wrong.forEach(line => printerr(line));
if (wrong.length)
    System.exit(1);
print(`${Object.keys(table).length} sentences`);
