// What people read. Pure functions of what org.modectl.Manager1 says; i18n comes
// from the component that imports this. The GNOME extension says it alike.

const icons = {
    desktop: "computer-symbolic",
    studio: "audio-headphones-symbolic",
    compute: "network-server-symbolic",
    maintenance: "configure-symbolic",
    boot: "view-refresh-symbolic",
    transitioning: "view-refresh-symbolic",
};

// icon is a mode's picture. Modes are data: of most of them, nobody here has
// heard.
function icon(mode, about) {
    return icons[mode] ?? (about?.headless ? "server-database" : "preferences-system-symbolic");
}

// title is a mode's name; one that nobody here knows stays as it is.
function title(mode) {
    switch (mode) {
    case "desktop":
        return i18nc("a mode", "Desktop");
    case "studio":
        return i18nc("a mode", "Studio");
    case "compute":
        return i18nc("a mode", "Compute");
    case "maintenance":
        return i18nc("a mode", "Maintenance");
    case "boot":
        return i18nc("a mode", "Starting Up");
    case "transitioning":
        return i18nc("a mode", "Changing");
    default:
        return mode;
    }
}

// headline is what the machine is in, or on its way to.
function headline(manager) {
    const transition = manager.transition;
    if (!manager.present) {
        return i18n("moded is not running");
    }
    if (!manager.underWay) {
        return title(manager.mode);
    }
    return i18nc("from one mode to another", "%1 → %2", title(transition.from), title(transition.to));
}

// line is what is said below the headline.
function line(manager) {
    if (!manager.present) {
        return i18n("An administrator starts it with: systemctl start moded");
    }
    if (manager.underWay) {
        return progress(manager.transition, manager.steps, manager.now);
    }
    return manager.degraded.length > 0 ? i18n("Degraded") : manager.about[manager.mode]?.summary ?? "";
}

// progress is an open transition in a sentence. A phase that nobody here knows
// is shown as it is.
function progress(transition, steps, now) {
    const from = title(transition.from);
    const to = title(transition.to);
    switch (transition.phase) {
    case "guarding":
        return i18n("Asking whether %1 may begin", to);
    case "grace":
        return i18n("%1 begins in %2. Nothing was touched yet.", to, left(transition.deadline, now));
    case "running":
        if (transition.step === "") {
            return i18n("Going to %1", to);
        }
        return i18n("Step %1 of %2: %3", transition.index + 1, transition.of, what(transition, steps));
    case "undoing":
        return i18n("Going back to %1: %2. %3", from, what(transition, steps), transition.message);
    case "awaiting-confirm":
        return i18n("%1 is reached. Without your word it is undone in %2.", to, left(transition.deadline, now));
    case "stuck":
        return i18n("Stuck between %1 and %2", from, to);
    default:
        return transition.phase ?? "";
    }
}

function what(transition, steps) {
    return steps.find(step => step.name === transition.step)?.summary ?? transition.step;
}

// left is how long it is until then. Times are microseconds since 1970.
function left(deadline, now) {
    const seconds = Math.max(0, Math.ceil((deadline / 1000 - now) / 1000));
    if (seconds < 60) {
        return i18nc("seconds", "%1 s", seconds);
    }
    return Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
}

// cancelLabel says what cancelling would do by now.
function cancelLabel(transition) {
    if (transition.phase === "awaiting-confirm") {
        return i18nc("@action:button", "Go Back to %1", title(transition.from));
    }
    if (transition.phase !== "running") {
        return i18nc("@action:button", "Cancel");
    }
    return transition["past-point-of-no-return"] ? i18nc("@action:button", "Undo (Closed Programs Stay Closed)") : i18nc("@action:button", "Cancel and Undo");
}

// blocks tells whether a verdict stands in the way. An outcome that nobody here
// knows does.
function blocks(verdict) {
    return verdict.outcome !== "pass" && verdict.outcome !== "warn";
}

function sentence(text) {
    const first = text.charAt(0).toUpperCase() + text.slice(1);
    return /[.!?]$/.test(first) ? first : first + ".";
}

// reason is why a plan is refused, or "".
function reason(plan) {
    const all = plan && !plan.allowed ? plan.verdicts.filter(blocks) : [];
    if (all.length === 0) {
        return "";
    }
    const more = all.length > 1 ? " " + i18np("And one more reason.", "And %1 more reasons.", all.length - 1) : "";
    return sentence(all[0].summary) + more;
}

// subtitle is the line below a mode: why not, what it needs, or what it is for.
function subtitle(about, answer, plan) {
    const why = reason(plan);
    if (why !== "") {
        return why;
    }
    if (answer === "no") {
        return i18n("You are not allowed to switch to it.");
    }
    return answer === "challenge" ? i18n("Asks for a password.") : about?.summary ?? "";
}

// canChoose is what CanSwitch says; an answer that nobody here knows is for the
// daemon to refuse.
function canChoose(answer) {
    return answer !== "" && answer !== "na" && answer !== "no";
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

// closing is what a person must know before a session ends.
function closing(question) {
    const lines = [i18np("This closes a session and every program in it:", "This closes sessions and every program in them:", question.ends.length)];
    lines.push(...question.ends.map(end => "• " + end));
    if (question.closes.length > 0) {
        lines.push(i18n("Programs: %1", question.closes.join(", ")));
    }
    lines.push(i18n("Save your work first: what closes cannot be brought back."));
    return lines.join("\n");
}

// refusal is all that is in the way, a line each, with what to do.
function refusal(mode, verdicts) {
    const lines = verdicts.filter(blocks).map(verdict => [verdict.summary, verdict.remedy].filter(text => text !== "").map(sentence).join(" "));
    return [cannotSwitch(mode)].concat(lines).join("\n");
}

function cannotSwitch(mode) {
    return i18n("Cannot switch to %1", title(mode));
}

// outcome is how a transition ended, where that is not what was asked for, or
// not all of it.
function outcome(record) {
    const to = title(record.to);
    const heads = {
        settled: "",
        "rolled-back": i18n("%1 was undone", to),
        cancelled: i18n("%1 was cancelled", to),
        stuck: i18n("%1 is stuck", to),
    };
    const message = record.message ?? "";
    const lines = [heads[record.outcome] ?? record.outcome, message];
    const lost = (record.lost ?? []).filter(text => !message.includes(text));
    if (lost.length > 0) {
        lines.push(i18n("Closed for good: %1.", lost.join(", ")));
    }
    return lines.filter(text => text !== "").join("\n");
}

// keptByOthers names those who hold the mode, but for the panel itself, whose
// switches show that.
function keptByOthers(holds, self) {
    return holds.filter(hold => hold.who !== self).map(keptBy).join("\n");
}

function keptBy(hold) {
    return i18nc("who holds the mode, whose program that is, why", "Kept by %1 of %2: %3", hold.who, hold.user, hold.why);
}

function needsTerminal(args) {
    return i18n("This needs a password. In a terminal, say: %1", ["modectl"].concat(args.filter(arg => !arg.startsWith("--"))).join(" "));
}

// lookKey changes when other modes may be chosen, or not, for other reasons.
function lookKey(values) {
    const open = values.Transition ?? {};
    return JSON.stringify([values.Mode, values.Modes, open.id, open.phase, values.Holds, values.Degraded]);
}

// wantsSteps says whether the steps known are not those of what is open: another
// transition has begun, or after its countdown it has another plan.
function wantsSteps(before, values, steps) {
    const open = values.Transition ?? {};
    return open.id !== before.Transition?.id || Boolean(open.step) && !steps.some(step => step.name === open.step);
}

// escape makes plain text of what would be read as markup.
function escape(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\n/g, "<br/>");
}
