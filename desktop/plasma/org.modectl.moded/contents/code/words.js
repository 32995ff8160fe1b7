// What moded's answers are called on the screen. Pure functions of what
// org.modectl.Manager1 says; i18n comes from the component that imports this.

const icons = {
    desktop: "computer-symbolic",
    studio: "audio-headphones-symbolic",
    compute: "network-server-symbolic",
    boot: "view-refresh-symbolic",
    transitioning: "view-refresh-symbolic",
};

// icon is a mode's picture. Modes are data: of most of them, nobody here has
// heard.
function icon(name, about) {
    return icons[name] ?? (about?.headless ? "server-database" : "preferences-system-symbolic");
}

// title is what the machine is in, or on its way to.
function title(manager) {
    const { from, to } = manager.transition;
    if (!manager.present) {
        return i18n("moded is not running");
    }
    return manager.underWay ? i18nc("from one mode to another", "%1 → %2", from, to) : manager.mode;
}

// state is the line below the title.
function state(manager, now) {
    if (!manager.present) {
        return i18n("It is shown here as soon as it runs.");
    }
    if (manager.underWay) {
        return progress(manager.transition, now);
    }
    if (manager.degraded.length > 0) {
        return manager.degraded[0];
    }
    const held = holdCount(manager.holdCount);
    return held !== "" ? held : manager.about[manager.mode]?.summary ?? i18n("The mode of this workstation");
}

function holdCount(count) {
    return count > 0 ? i18np("Kept by 1 hold", "Kept by %1 holds", count) : "";
}

// progress is an open transition in one line. A phase that nobody here knows is
// shown as it is.
function progress(transition, now) {
    switch (transition.phase) {
    case "guarding":
        return i18n("Asking the guards");
    case "grace":
        return i18n("Starts in %1; nothing has been touched", left(transition.deadline, now));
    case "running":
        return transition.step === "" ? i18n("Starting") : step(transition);
    case "undoing":
        return transition.step === "" ? i18n("Undoing") : i18n("Undoing: %1", transition.step);
    case "awaiting-confirm":
        return i18n("Goes back to %1 in %2, unless you keep it", transition.from, left(transition.deadline, now));
    case "stuck":
        return i18n("Stuck half way");
    default:
        return transition.phase ?? "";
    }
}

function step(transition) {
    return i18nc("place, number of steps, name", "Step %1 of %2: %3", transition.index + 1, transition.of, transition.step);
}

// left is how long it is until then. Times are microseconds since 1970.
function left(deadline, now) {
    const seconds = Math.max(0, Math.ceil((deadline / 1000 - now) / 1000));
    return seconds < 120 ? i18ncp("seconds", "1 s", "%1 s", seconds) : i18ncp("minutes", "1 min", "%1 min", Math.round(seconds / 60));
}

// blocks tells whether a verdict stands in the way. An outcome that nobody here
// knows does.
function blocks(verdict) {
    return verdict.outcome !== "pass" && verdict.outcome !== "warn";
}

function reason(verdict) {
    return verdict.remedy === "" ? verdict.summary : i18nc("what is wrong; what to do", "%1; %2", verdict.summary, verdict.remedy);
}

// subtitle is the line below a mode to choose: why not, whose sessions end, or
// what the mode is for.
function subtitle(about, answer, plan) {
    const why = plan && !plan.allowed ? plan.verdicts.filter(blocks) : [];
    if (why.length > 0) {
        const rest = why.length > 1 ? i18np(" (and 1 reason more)", " (and %1 reasons more)", why.length - 1) : "";
        return reason(why[0]) + rest;
    }
    const lines = about?.summary ? [about.summary] : [];
    if (answer === "no") {
        lines.push(i18n("not allowed for you"));
    } else if (answer === "challenge") {
        lines.push(i18n("asks for a password"));
    }
    const sessions = plan ? ends(plan.steps) : [];
    if (sessions.length > 0) {
        lines.push(i18n("ends %1", sessions.join(", ")));
    }
    return lines.join(" · ");
}

// canChoose is what CanSwitch says; an answer that nobody here knows is for the
// daemon to refuse.
function canChoose(answer) {
    return answer !== undefined && answer !== "na" && answer !== "no";
}

// ends are the sessions that a plan ends, a line each.
function ends(steps) {
    return flat(steps.map(step => step.ends ?? []));
}

// closes are the programs known to run in them.
function closes(steps) {
    const sessions = flat(steps.map(step => step.sessions ?? []));
    return [...new Set(flat(sessions.map(session => session.closes ?? [])))];
}

function flat(lists) {
    return [].concat(...lists);
}

function closing(question) {
    const known = question.closes.length > 0 ? i18n("Programs in there close, such as %1.", question.closes.join(", ")) : i18n("Programs in there close.");
    return i18nc("which programs close, and what that means", "%1 What is not saved is lost, and no rollback brings them back.", known);
}

function refusal(mode, verdicts) {
    return [i18n("Cannot switch to %1:", mode)].concat(verdicts.filter(blocks).map(reason)).join("\n");
}

// outcome is how a transition ended, where that is not what was asked for.
function outcome(record) {
    const heads = {
        "rolled-back": i18n("The change to %1 was rolled back", record.to),
        cancelled: i18n("The change to %1 was cancelled", record.to),
        refused: i18n("The change to %1 was refused", record.to),
        stuck: i18n("The change to %1 is stuck", record.to),
    };
    if (record.outcome === "settled") {
        return record.message ?? "";
    }
    const lost = (record.lost ?? []).map(line => i18n("Closed, and not to be restored: %1", line));
    return [heads[record.outcome] ?? record.outcome, record.message ?? ""].concat(lost).filter(line => line !== "").join("\n");
}

function hold(hold) {
    return i18nc("who holds the mode, whose program it is, why", "%1 of %2: %3", hold.who, hold.user, hold.why);
}

function holdReason() {
    return i18n("“Keep this mode” is on in the panel");
}

function needsTerminal(args) {
    return i18n("This needs a password. In a terminal, say: %1", ["modectl"].concat(args.filter(arg => !arg.startsWith("--"))).join(" "));
}

// lookKey changes when other modes may be chosen, or not, for other reasons.
function lookKey(values) {
    const open = values.Transition ?? {};
    return JSON.stringify([values.Mode, values.Modes, open.id, open.phase, values.Holds, values.Degraded]);
}

// escape makes plain text of what would be read as markup.
function escape(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\n/g, "<br/>");
}
