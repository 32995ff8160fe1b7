import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami

import "../code/words.js" as Words

/**
 * What is wrong, in the daemon's own words.
 */
ColumnLayout {
    id: root

    required property Manager manager
    readonly property bool stuck: manager.phase === "stuck"
    readonly property list<string> degraded: manager.degraded.filter(line => !line.startsWith("stuck: ")) // has a message of its own
    readonly property string holds: manager.holdCount > 0 ? Words.keptByOthers(manager.holds, manager.keepThisMode.who) : ""

    spacing: Kirigami.Units.smallSpacing
    visible: stuck || degraded.length > 0 || manager.error !== "" || manager.outcome !== "" || holds !== ""

    Message {
        type: Kirigami.MessageType.Error
        words: root.manager.error
        onDismissed: root.manager.error = ""
    }
    Message {
        type: Kirigami.MessageType.Warning
        words: root.manager.outcome
        onDismissed: root.manager.outcome = ""
    }
    Message {
        type: Kirigami.MessageType.Error
        words: root.stuck ? [root.manager.transition.message ?? "", i18n("In a terminal, “modectl recover --help” names the other ways out.")].join("\n") : ""
        dismissable: false
    }
    Message {
        type: Kirigami.MessageType.Information
        words: root.holds
        dismissable: false
    }
    Repeater {
        model: root.degraded

        Message {
            required property string modelData

            type: Kirigami.MessageType.Warning
            words: modelData
            dismissable: false
        }
    }
}
