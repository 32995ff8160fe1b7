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

    spacing: Kirigami.Units.smallSpacing

    Kirigami.Heading {
        Layout.fillWidth: true
        level: 4
        text: i18n("Switch to %1?", root.question.mode)
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    Repeater {
        model: root.question.ends

        PlasmaComponents3.Label {
            required property string modelData

            Layout.fillWidth: true
            text: i18n("This ends %1.", modelData)
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
        }
    }
    PlasmaComponents3.Label {
        Layout.fillWidth: true
        text: Words.closing(root.question)
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    RowLayout {
        Layout.alignment: Qt.AlignRight

        PlasmaComponents3.Button {
            text: i18nc("@action:button end the sessions and change the mode", "End and switch")
            icon.name: "system-log-out-symbolic"
            onClicked: root.manager.switchTo(root.question.mode)
        }
        PlasmaComponents3.Button {
            text: i18nc("@action:button do not change the mode", "Stay")
            icon.name: "dialog-cancel-symbolic"
            focus: true
            onClicked: root.manager.question = null
        }
    }
}
