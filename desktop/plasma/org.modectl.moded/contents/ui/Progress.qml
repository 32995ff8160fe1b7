import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami
import org.kde.plasma.components as PlasmaComponents3

import "../code/words.js" as Words

/**
 * An open transition: how far it is, and what can be done about it.
 */
ColumnLayout {
    id: root

    required property Manager manager
    readonly property var transition: manager.transition
    readonly property string phase: manager.phase

    spacing: Kirigami.Units.smallSpacing

    PlasmaComponents3.ProgressBar {
        Layout.fillWidth: true
        visible: root.phase === "guarding" || root.phase === "running" || root.phase === "undoing"
        indeterminate: root.phase === "guarding" || root.transition.step === ""
        to: Math.max(1, root.transition.of ?? 1)
        value: root.transition.index ?? 0
    }
    Flow {
        Layout.fillWidth: true
        layoutDirection: Qt.RightToLeft
        spacing: Kirigami.Units.smallSpacing

        PlasmaComponents3.Button {
            text: Words.cancelLabel(root.transition)
            icon.name: root.phase === "guarding" || root.phase === "grace" ? "dialog-cancel-symbolic" : "edit-undo-symbolic"
            visible: root.phase !== "undoing" && root.phase !== "stuck"
            enabled: !root.manager.asking
            onClicked: root.manager.cancel()
        }
        PlasmaComponents3.Button {
            text: i18nc("@action:button", "Switch Now")
            icon.name: "media-playback-start-symbolic"
            visible: root.phase === "grace"
            enabled: !root.manager.asking
            onClicked: root.manager.proceed()
        }
        PlasmaComponents3.Button {
            text: i18nc("@action:button", "Keep %1", Words.title(root.transition.to ?? ""))
            icon.name: "checkmark-symbolic"
            visible: root.phase === "awaiting-confirm"
            enabled: !root.manager.asking
            onClicked: root.manager.confirm()
        }
        PlasmaComponents3.Button {
            text: i18nc("@action:button", "Try Again to Undo")
            icon.name: "edit-undo-symbolic"
            visible: root.phase === "stuck"
            enabled: !root.manager.asking
            onClicked: root.manager.undoAgain()
        }
    }
}
