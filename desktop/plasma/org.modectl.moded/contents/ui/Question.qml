import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami
import org.kde.plasma.components as PlasmaComponents3

import "../code/words.js" as Words

/**
 * Asks before a switch that ends sessions, and names what closes.
 */
ColumnLayout {
    id: root

    required property Manager manager
    readonly property var question: manager.question ?? { mode: "", ends: [], closes: [] }

    spacing: Kirigami.Units.largeSpacing

    Kirigami.Heading {
        Layout.fillWidth: true
        level: 4
        text: i18n("Switch to %1?", Words.title(root.question.mode))
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    PlasmaComponents3.Label {
        Layout.fillWidth: true
        text: Words.closing(root.question)
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    Flow {
        Layout.fillWidth: true
        layoutDirection: Qt.RightToLeft
        spacing: Kirigami.Units.smallSpacing

        PlasmaComponents3.Button {
            text: i18nc("@action:button", "Cancel")
            icon.name: "dialog-cancel-symbolic"
            focus: root.visible
            onClicked: root.manager.question = null
        }
        PlasmaComponents3.Button {
            text: i18nc("@action:button", "Close and Switch")
            icon.name: "system-log-out-symbolic"
            onClicked: root.manager.switchTo(root.question.mode)
        }
    }
}
