import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami
import org.kde.plasma.components as PlasmaComponents3

/**
 * An open transition: how far it is, and what can be done about it.
 */
ColumnLayout {
    id: root

    required property Manager manager
    readonly property var transition: manager.transition

    spacing: Kirigami.Units.smallSpacing

    PlasmaComponents3.ProgressBar {
        Layout.fillWidth: true
        visible: root.manager.phase === "running" || root.manager.phase === "undoing" || root.manager.phase === "guarding"
        indeterminate: root.manager.phase === "guarding" || root.transition.step === ""
        to: Math.max(1, root.transition.of ?? 1)
        value: root.transition.index ?? 0
    }
    PlasmaComponents3.Label {
        Layout.fillWidth: true
        visible: root.transition["past-point-of-no-return"] === true
        text: i18n("Past the point of no return: what was closed stays closed.")
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
        font: Kirigami.Theme.smallFont
    }
    RowLayout {
        Layout.alignment: Qt.AlignRight

        PlasmaComponents3.Button {
            text: i18nc("@action:button start the change at once", "Now")
            icon.name: "media-playback-start-symbolic"
            visible: root.manager.phase === "grace"
            enabled: !root.manager.asking
            onClicked: root.manager.proceed()
        }
        PlasmaComponents3.Button {
            text: i18nc("@action:button keep the new mode", "Keep")
            icon.name: "checkmark-symbolic"
            visible: root.manager.phase === "awaiting-confirm"
            enabled: !root.manager.asking
            onClicked: root.manager.confirm()
        }
        PlasmaComponents3.Button {
            text: root.manager.phase === "awaiting-confirm" ? i18nc("@action:button go back to the mode before", "Revert") : i18nc("@action:button", "Cancel")
            icon.name: root.manager.phase === "awaiting-confirm" ? "edit-undo-symbolic" : "dialog-cancel-symbolic"
            visible: root.manager.phase !== "undoing" && root.manager.phase !== "stuck"
            enabled: !root.manager.asking
            onClicked: root.manager.cancel()
        }
    }
}
