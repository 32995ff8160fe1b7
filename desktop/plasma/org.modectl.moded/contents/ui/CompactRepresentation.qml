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

    signal activated

    hoverEnabled: true
    Accessible.role: Accessible.Button
    Accessible.name: Words.headline(manager)
    Accessible.description: Words.line(manager)
    Accessible.onPressAction: activated()
    onClicked: activated()

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
