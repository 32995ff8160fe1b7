import QtQml

/**
 * A claim that the mode must not change, of one scope.
 *
 * It belongs to the connection of plasmashell, which lasts as long as that, and
 * dies with moded: whoever owns this says when moded came back.
 */
QtObject {
    id: root

    /** The name by which everybody reads who holds. */
    readonly property string who: "Plasma"

    required property Bus bus
    required property string scope
    /** It is wanted. */
    property bool on: false
    property int cookie: 0

    signal failed(message: string)

    function set(on: bool): void {
        root.on = on;
        if (on) {
            root.take();
        } else {
            root.release();
        }
    }

    function take(): void {
        bus.call("Hold", "(sss)", [root.scope, root.who, i18n("switched on in the panel")], cookie => {
            root.cookie = cookie;
            if (!root.on) {
                root.release(); // switched off meanwhile
            }
        }, (name, message) => {
            root.on = false;
            root.failed(message);
        });
    }

    function release(): void {
        if (root.cookie !== 0) {
            bus.call("Release", "(u)", [root.cookie], () => {}, (name, message) => root.failed(message));
        }
        root.cookie = 0;
    }

    /** moded is gone or came back; what was held is lost. */
    function renew(present: bool): void {
        root.cookie = 0;
        if (present && root.on) {
            root.take();
        }
    }
}
