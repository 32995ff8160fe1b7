import QtQuick

import "../code/words.js" as Words

/**
 * What moded says, and what it can be asked for.
 */
Mirror {
    id: root

    /** What went wrong with the last request. */
    property string error: ""
    /** Sessions would end: {mode, ends, closes}. Null when nothing is asked. */
    property var question: null
    /** A request is on its way, and what its failure means: "Cannot switch to Studio". */
    property bool asking: false
    property string attempt: ""

    /** What this applet holds. */
    readonly property Hold noAutomaticChanges: Hold {
        bus: root.bus
        scope: "automatic"
        onFailed: message => root.error = message
    }
    readonly property Hold keepThisMode: Hold {
        bus: root.bus
        scope: "all"
        onFailed: message => root.error = message
    }

    function choose(mode: string): void {
        root.begin(Words.cannotSwitch(mode));
        bus.call("Plan", "(su)", [mode, 0], (allowed, verdicts, steps) => {
            root.asking = false;
            const ends = Words.ends(steps);
            if (ends.length === 0) {
                root.switchTo(mode); // refused, the history keeps it
            } else if (allowed) {
                root.question = { mode: mode, ends: ends, closes: Words.closes(steps) };
            } else {
                root.error = Words.refusal(mode, verdicts);
            }
        }, root.fail);
    }

    function switchTo(mode: string): void {
        root.question = null;
        root.begin(Words.cannotSwitch(mode));
        bus.call("SwitchMode", "(suus)", [mode, 0, 0, ""], root.succeed, (name, message) => {
            root.failOrPrompt(name, message, ["switch", "--yes", "--no-wait", mode]);
        });
    }

    function cancel(): void {
        const id = root.transition.id;
        root.begin("");
        bus.call("Cancel", "(u)", [id], root.succeed, (name, message) => {
            root.failOrPrompt(name, message, ["cancel", String(id)]);
        });
    }

    function confirm(): void {
        const id = root.transition.id;
        root.begin("");
        bus.call("Confirm", "(u)", [id], root.succeed, (name, message) => {
            root.failOrPrompt(name, message, ["confirm", String(id)]);
        });
    }

    function proceed(): void {
        root.begin("");
        bus.call("Proceed", "(u)", [root.transition.id], root.succeed, root.fail);
    }

    function undoAgain(): void {
        root.begin("");
        bus.call("Recover", "(u)", [0], root.succeed, (name, message) => {
            root.failOrPrompt(name, message, ["recover"]);
        });
    }

    function begin(attempt: string): void {
        root.asking = true;
        root.attempt = attempt;
        root.error = "";
        root.outcome = "";
    }

    function succeed(): void {
        root.asking = false;
        root.read();
    }

    function fail(name: string, message: string): void {
        root.asking = false;
        root.error = [root.attempt, message].filter(text => text !== "").join("\n");
    }

    function failOrPrompt(name: string, message: string, args: list<string>): void {
        const needs = name === "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
        const modectl = needs ? modectlType.createObject(root) : null;
        if (!modectl) {
            root.fail(name, needs ? Words.needsTerminal(args) : message);
            return;
        }
        modectl.finished.connect((code, said) => {
            modectl.destroy();
            if (code === 0) {
                root.succeed();
            } else {
                root.fail(name, code === 127 ? Words.needsTerminal(args) : said.replace(/^modectl: /, ""));
            }
        });
        modectl.run(args);
    }

    function forget(): void {
        root.error = "";
        root.question = null;
    }

    onOpenChanged: forget()
    onModeChanged: question = null
    onRegisteredChanged: {
        forget();
        asking = false;
        noAutomaticChanges.renew(registered);
        keepThisMode.renew(registered);
    }

    // plasmashell is one client of the bus for all its applets: what this one
    // holds would outlast it.
    Component.onDestruction: {
        noAutomaticChanges.set(false);
        keepThisMode.set(false);
    }

    // Not there where Plasma 5's modules are not: see Words.needsTerminal.
    readonly property Component modectlType: Qt.createComponent("Modectl.qml")
}
