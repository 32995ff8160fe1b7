import QtQuick
import org.kde.plasma.workspace.dbus as DBus

import "../code/words.js" as Words

/**
 * What moded says. No pixels, and nothing that changes the machine.
 */
Item {
    id: root

    /** Somebody looks: then reasons are asked for, which takes a look at the machine. */
    property bool open: false

    /** moded is on the bus, and has told its properties. */
    readonly property bool present: registered && values.Mode !== undefined
    readonly property alias registered: watcher.registered
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
    /** Who else holds the mode, as ListHolds says. */
    property var holds: []
    /** The steps of the open transition, or of the last one. */
    property var steps: []
    /** How the last transition ended, where that is worth a word. */
    property string outcome: ""
    /** The time, as long as something counts down. */
    property double now: Date.now()

    /** The mode or the way, and a line about it: once for all who show them. */
    readonly property string headline: Words.headline(root)
    readonly property string line: Words.line(root)

    readonly property Bus bus: Bus {}

    property var values: ({})
    property string seen: ""
    property bool reading: false
    property bool readAgain: false
    property int look: 0

    /** Reads the properties; once more if something changes meanwhile. */
    function read(): void {
        if (!root.registered) {
            return;
        }
        if (root.reading) {
            root.readAgain = true;
            return;
        }
        root.reading = true;
        bus.readProperties(values => {
            root.wasRead();
            root.take(values);
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
        if (!root.registered || text === root.seen) {
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
        if (Words.wantsSteps(before, values, root.steps)) {
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

    /** Asks what there is, and when somebody looks, what can be done and why not. */
    function lookCloser(): void {
        if (!root.present) {
            return;
        }
        const look = ++root.look;
        const current = then => (...args) => { if (look === root.look) then(...args); };
        const ignore = () => {};
        bus.call("ListModes", "", [], current(modes => {
            root.about = Object.assign({}, ...modes.map(mode => ({ [mode.mode]: mode })));
        }), ignore);
        if (!root.open) {
            return;
        }
        bus.call("ListHolds", "", [], current(holds => root.holds = holds), ignore);
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
        outcome = "";
        if (open) {
            read();
            lookCloser();
        }
    }

    onModeChanged: {
        answers = {};
        plans = {};
    }

    onRegisteredChanged: {
        seen = "";
        values = {};
        outcome = "";
        read();
    }

    Component.onCompleted: {
        if (newsType.status === Component.Ready) {
            newsType.createObject(root).news.connect(root.read);
        }
    }

    DBus.DBusServiceWatcher {
        id: watcher

        busType: DBus.BusType.System
        watchedService: root.bus.service
    }

    Timer {
        interval: root.open || root.underWay ? 500 : 2000
        repeat: true
        running: root.newsType.status !== Component.Ready && root.registered
        onTriggered: root.read()
    }

    Timer {
        interval: 1000
        repeat: true
        triggeredOnStart: true
        running: (root.transition.deadline ?? 0) > 0
        onTriggered: root.now = Date.now()
    }

    // Not there before Plasma 6.4.
    readonly property Component newsType: Qt.createComponent("News.qml")
}
