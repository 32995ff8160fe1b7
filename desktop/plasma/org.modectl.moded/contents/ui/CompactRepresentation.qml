import QtQuick
import org.kde.kirigami as Kirigami

import "../code/words.js" as Words

/**
 * The icon of the mode, with an emblem when something is wrong.
 */
MouseArea {
    id: root

    required property Manager manager
    readonly property string emblem: {
        if (manager.phase === "stuck") {
            return "emblem-error";
        }
        return manager.degraded.length > 0 ? "emblem-warning" : "";
    }

    /** The popup is open. A click outside closes it, and this is outside. */
    required property bool expanded
    property bool wasExpanded: false

    signal toggled(open: bool)

    hoverEnabled: true
    Accessible.role: Accessible.Button
    Accessible.name: manager.headline
    Accessible.description: manager.line
    Accessible.onPressAction: toggled(!expanded)
    onPressed: wasExpanded = expanded
    onClicked: toggled(!wasExpanded)

    Kirigami.Icon {
        anchors.fill: parent
        active: root.containsMouse
        source: root.manager.present ? Words.icon(root.manager.mode, root.manager.about[root.manager.mode]) : "question-symbolic"
        opacity: root.manager.present ? 1 : 0.5

        Kirigami.Icon {
            anchors {
                right: parent.right
                bottom: parent.bottom
            }
            width: Math.round(parent.width / 2)
            height: width
            source: root.emblem
            visible: root.emblem !== ""
        }
    }
}
