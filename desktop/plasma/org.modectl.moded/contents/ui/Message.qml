import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami

import "../code/words.js" as Words

/**
 * A message that shows as long as it has words. Nothing in them is markup.
 */
Kirigami.InlineMessage {
    id: root

    property string words: ""
    property bool dismissable: true

    signal dismissed

    Layout.fillWidth: true
    Accessible.name: words
    text: Words.escape(words)
    visible: words !== ""
    actions: Kirigami.Action {
        text: i18nc("@action:button", "Dismiss")
        icon.name: "dialog-close-symbolic"
        visible: root.dismissable
        onTriggered: root.dismissed()
    }
}
