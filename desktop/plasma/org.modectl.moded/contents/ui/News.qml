import org.kde.plasma.workspace.dbus as DBus

/**
 * Tells that moded's properties have changed. Plasma can do that since 6.4; where
 * it cannot, this type does not load, and Manager looks from time to time instead.
 */
DBus.SignalWatcher {
    id: root

    signal news

    busType: DBus.BusType.System
    service: "org.modectl.Manager1"
    path: "/org/modectl/Manager1"
    iface: "org.freedesktop.DBus.Properties"

    function dbusPropertiesChanged(): void {
        root.news();
    }
}
