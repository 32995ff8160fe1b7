import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami
import org.kde.plasma.components as PlasmaComponents3

import "../code/words.js" as Words

/**
 * Keeps the mode from changing by itself, and says who does so, too.
 */
ColumnLayout {
    id: root

    required property Manager manager

    function flip(): void {
        root.manager.hold(!root.manager.holding);
    }

    spacing: 0

    PlasmaComponents3.Switch {
        Layout.fillWidth: true
        text: i18nc("@option:check", "Keep this mode")
        checked: root.manager.holding
        Accessible.onPressAction: root.flip()
        Accessible.onToggleAction: root.flip()
        onToggled: root.flip()

        PlasmaComponents3.ToolTip {
            text: i18n("While this is on, only a person changes the mode: no idle time, no schedule, no script.")
        }
    }
    PlasmaComponents3.Label {
        Layout.fillWidth: true
        visible: text !== ""
        text: root.manager.holdCount > 0 ? root.manager.holds.map(Words.hold).join("\n") : ""
        textFormat: Text.PlainText
        font: Kirigami.Theme.smallFont
        wrapMode: Text.Wrap
        opacity: 0.75
    }
}
