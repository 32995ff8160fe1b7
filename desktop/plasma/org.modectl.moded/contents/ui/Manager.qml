import QtQuick
import org.kde.plasma.workspace.dbus as DBus

import "../code/words.js" as Words

/**
 * What moded says, and what it can be asked for. No pixels.
 */
Item {
    id: root

    /** Somebody looks: then reasons are asked for, which takes a look at the machine. */
    property bool open: false

    /** moded is on the bus, and has told its properties. */
    readonly property bool present: watcher.registered && values.Mode !== undefined
    readonly property string mode: values.Mode ?? ""
    readonly property var transition: values.Transition ?? ({})
    readonly property bool underWay: (transition.id ?? 0) > 0
    readonly property string phase: transition.phase ?? ""
    readonly property list<string> degraded: values.Degraded ?? []
    readonly property int holdCount: values.Holds ?? 0

    property list<string> modeNames: []
    /** By mode: what ListModes, CanSwitch and Plan say. */
    property var about: ({})
    property var answers: ({})
    property var plans: ({})
    property var holds: []

    /** The last thing that went wrong, and how the last transition ended. */
    property string error: ""
    property string outcome: ""
    /** Sessions would end: {mode, ends, closes}. Null when nothing is asked. */
    property var question: null
    /** A request is on its way. */
    property bool asking: false
    /** The steps of the open transition. */
    property var steps: []
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

    /** The time, as long as something counts down. */
    property double now: Date.now()

    property var values: ({})
    property string seen: ""
    /** What a failure of the request on its way means: "Cannot switch to Studio". */
    property string attempt: ""
    property bool reading: false
    property bool readAgain: false
    property int look: 0

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

    /** Reads the properties; once more if something changes meanwhile. */
    function read(): void {
        if (!watcher.registered) {
            return;
        }
        if (root.reading) {
            root.readAgain = true;
            return;
        }
        root.reading = true;
        bus.readProperties(values => {
            root.take(values);
            root.wasRead();
        }, root.wasRead);
    }

    function wasRead(): void {
        root.reading = false;
        if (root.readAgain) {
            root.readAgain = false;
            root.read();
        }
    }

    function take(values: var): void {
        const text = JSON.stringify(values);
        if (!watcher.registered || text === root.seen) {
            return;
        }
        root.seen = text;
        const before = root.values;
        const last = values.LastTransition ?? {};
        if (before.Transition?.id > 0 && last.id === before.Transition.id && !(values.Transition?.id > 0)) {
            root.outcome = Words.outcome(last);
        }
        root.values = values;
        const names = values.Modes ?? [];
        if (String(names) !== String(root.modeNames)) {
            root.modeNames = names;
        }
        if (values.Transition?.id !== before.Transition?.id || values.Transition?.phase !== before.Transition?.phase) {
            root.readSteps(values.Transition?.id ?? 0);
        }
        if (Words.lookKey(before) !== Words.lookKey(values)) {
            root.lookCloser();
        }
    }

    /** A step's summary says more than its name. */
    function readSteps(id: int): void {
        if (id > 0) {
            bus.call("GetTransition", "(u)", [id], record => {
                if (id === root.transition.id) {
                    root.steps = record.steps ?? [];
                }
            }, () => {});
        }
    }

    /** Asks what can be done from here, and why the rest cannot. */
    function lookCloser(): void {
        if (!root.open || !root.present) {
            return;
        }
        const look = ++root.look;
        const current = then => (...args) => { if (look === root.look) then(...args); };
        const ignore = () => {};
        bus.call("ListModes", "", [], current(modes => {
            root.about = Object.assign({}, ...modes.map(mode => ({ [mode.mode]: mode })));
        }), ignore);
        bus.call("ListHolds", "", [], current(holds => {
            root.holds = holds.filter(hold => hold.who !== root.keepThisMode.who);
        }), ignore);
        for (const name of root.modeNames.filter(name => name !== root.mode)) {
            bus.call("CanSwitch", "(s)", [name], current(answer => {
                root.answers = Object.assign({}, root.answers, { [name]: answer });
            }), ignore);
            if (root.underWay) {
                continue; // the reason would be the transition, which is shown
            }
            bus.call("Plan", "(su)", [name, 0], current((allowed, verdicts, steps) => {
                root.plans = Object.assign({}, root.plans, { [name]: { allowed: allowed, verdicts: verdicts, steps: steps } });
            }), ignore);
        }
    }

    onOpenChanged: {
        if (open) {
            read();
            lookCloser();
        } else {
            error = "";
            outcome = "";
            question = null;
        }
    }

    onModeChanged: {
        answers = {};
        plans = {};
        question = null;
    }

    Component.onCompleted: {
        if (newsType.status === Component.Ready) {
            newsType.createObject(root).news.connect(root.read);
        }
    }

    // plasmashell is one client of the bus for all its applets: what this one
    // holds would outlast it.
    Component.onDestruction: {
        noAutomaticChanges.set(false);
        keepThisMode.set(false);
    }

    DBus.DBusServiceWatcher {
        id: watcher

        busType: DBus.BusType.System
        watchedService: bus.service
        onRegisteredChanged: {
            root.seen = "";
            root.values = {};
            root.error = "";
            root.outcome = "";
            root.question = null;
            root.asking = false;
            root.noAutomaticChanges.renew(registered);
            root.keepThisMode.renew(registered);
            root.read();
        }
    }

    Timer {
        interval: root.open || root.underWay ? 500 : 2000
        repeat: true
        running: newsType.status !== Component.Ready && watcher.registered
        onTriggered: root.read()
    }

    Timer {
        interval: 1000
        repeat: true
        triggeredOnStart: true
        running: (root.transition.deadline ?? 0) > 0
        onTriggered: root.now = Date.now()
    }

    readonly property Bus bus: Bus {}

    // Both may be missing: see there.
    readonly property Component newsType: Qt.createComponent("News.qml")
    readonly property Component modectlType: Qt.createComponent("Modectl.qml")
}
