pragma ComponentBehavior: Bound

import QtQuick
import org.kde.kirigami as Kirigami
import org.kde.plasma.core as PlasmaCore
import org.kde.plasma.plasmoid

import "../code/words.js" as Words

PlasmoidItem {
    id: root

    // On the desktop and in a window the list always shows.
    readonly property bool inPanel: Plasmoid.formFactor === PlasmaCore.Types.Horizontal || Plasmoid.formFactor === PlasmaCore.Types.Vertical

    Plasmoid.icon: Words.icon(daemon.mode, daemon.about[daemon.mode])
    Plasmoid.status: {
        if (daemon.phase === "stuck" || daemon.phase === "grace" || daemon.phase === "awaiting-confirm") {
            return PlasmaCore.Types.NeedsAttentionStatus;
        }
        return daemon.present ? PlasmaCore.Types.ActiveStatus : PlasmaCore.Types.PassiveStatus;
    }
    toolTipMainText: daemon.headline
    toolTipSubText: daemon.line

    switchWidth: Kirigami.Units.gridUnit * 14
    switchHeight: Kirigami.Units.gridUnit * 14

    compactRepresentation: CompactRepresentation {
        manager: daemon
        expanded: root.expanded
        onToggled: open => root.expanded = open
    }
    fullRepresentation: FullRepresentation {
        manager: daemon
    }

    Manager {
        id: daemon

        open: root.expanded || !root.inPanel
    }
}
