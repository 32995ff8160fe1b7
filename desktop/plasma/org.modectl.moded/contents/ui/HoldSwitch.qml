import QtQuick
import org.kde.plasma.components as PlasmaComponents3

/**
 * Switches a hold on and off. No tooltip: it would cover the switch above.
 * Accessibility does not toggle() a switch, so that has handlers of its own.
 */
PlasmaComponents3.Switch {
    id: root

    required property Hold hold
    property string help: ""

    checked: hold.on
    Accessible.description: help
    Accessible.onPressAction: hold.set(!hold.on)
    Accessible.onToggleAction: hold.set(!hold.on)
    onToggled: hold.set(!hold.on)
}
