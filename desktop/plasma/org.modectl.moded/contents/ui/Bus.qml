import QtQml
import org.kde.plasma.workspace.dbus as DBus

import "../code/wire.js" as Wire

/**
 * Calls moded, and never waits for it.
 *
 * Replies arrive in `done`, with the values as plain JavaScript, or in `failed`,
 * with the name of the error and the daemon's own sentence.
 */
QtObject {
    id: root

    readonly property string service: "org.modectl.Manager1"
    readonly property string path: "/org/modectl/Manager1"

    function call(member: string, signature: string, args: list<var>, done: var, failed: var): void {
        root.send(root.service, member, signature, args, done, failed);
    }

    function readProperties(done: var, failed: var): void {
        root.send("org.freedesktop.DBus.Properties", "GetAll", "(s)", [root.service], done, failed);
    }

    function send(iface: string, member: string, signature: string, args: list<var>, done: var, failed: var): void {
        const reply = DBus.SystemBus.asyncCall({
            service: root.service,
            path: root.path,
            iface: iface,
            member: member,
            signature: signature,
            arguments: args,
        });
        reply.finished.connect(() => {
            const began = Date.now();
            if (reply.isError) {
                failed(String(reply.error.name), String(reply.error.message));
            } else {
                done(...Wire.plain(reply.values));
            }
            reply.destroy(); // the closure holds it, and it the closure
            console.debug(category, `${member}: handled in ${Date.now() - began} ms`);
        });
    }

    readonly property LoggingCategory logging: LoggingCategory {
        id: category

        name: "org.modectl.moded"
        defaultLogLevel: LoggingCategory.Warning
    }
}
