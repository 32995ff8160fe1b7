import org.kde.plasma.plasma5support as Plasma5Support

/**
 * Runs modectl, for calls that need a password.
 *
 * polkit asks for one only when the caller allows it, and Plasma's D-Bus calls
 * cannot say that they do. modectl's can: the desktop's own dialog appears.
 */
Plasma5Support.DataSource {
    id: root

    /** It has ended. The message is what it said on standard error. */
    signal finished(int code, string message)

    engine: "executable"

    function run(args: list<string>): void {
        root.connectSource(["modectl"].concat(args).map(root.quote).join(" "));
    }

    function quote(word: string): string {
        return "'" + word.replace(/'/g, "'\\''") + "'";
    }

    onNewData: (source, data) => {
        root.disconnectSource(source);
        root.finished(data["exit code"], data.stderr.trim());
    }
}
