import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami
import org.kde.plasma.components as PlasmaComponents3

import "../code/words.js" as Words

/**
 * A mode to choose, greyed by CanSwitch, with Plan's reason below its name.
 */
PlasmaComponents3.ItemDelegate {
    id: root

    required property Manager manager
    required property string modelData

    readonly property var about: manager.about[modelData]
    readonly property bool current: manager.mode === modelData
    readonly property string answer: manager.answers[modelData] ?? ""
    readonly property string subtitle: current ? (about?.summary ?? "") : Words.subtitle(about, answer, manager.plans[modelData])

    text: Words.title(modelData)
    highlighted: current
    enabled: current || !manager.asking && !manager.underWay && Words.canChoose(answer)
    leftPadding: Kirigami.Units.largeSpacing
    rightPadding: Kirigami.Units.largeSpacing
    Accessible.role: Accessible.RadioButton
    Accessible.checked: current
    Accessible.name: text
    Accessible.description: subtitle
    Accessible.onPressAction: choose()
    onClicked: choose()

    function choose(): void {
        if (enabled && !current) {
            manager.choose(modelData);
        }
    }

    contentItem: RowLayout {
        spacing: Kirigami.Units.largeSpacing

        Kirigami.Icon {
            Layout.preferredWidth: Kirigami.Units.iconSizes.medium
            Layout.preferredHeight: Kirigami.Units.iconSizes.medium
            source: Words.icon(root.modelData, root.about)
            opacity: root.enabled ? 1 : 0.5
        }
        ColumnLayout {
            Layout.fillWidth: true
            spacing: 0

            PlasmaComponents3.Label {
                Layout.fillWidth: true
                text: root.text
                textFormat: Text.PlainText
                elide: Text.ElideRight
                font.weight: root.current ? Font.Bold : Font.Normal
                opacity: root.enabled ? 1 : 0.6
            }
            PlasmaComponents3.Label {
                Layout.fillWidth: true
                visible: text !== ""
                text: root.subtitle
                textFormat: Text.PlainText
                font: Kirigami.Theme.smallFont
                wrapMode: Text.Wrap
                opacity: 0.75
            }
        }
        Kirigami.Icon {
            Layout.preferredWidth: Kirigami.Units.iconSizes.small
            Layout.preferredHeight: Kirigami.Units.iconSizes.small
            source: root.current ? "checkmark-symbolic" : "object-locked-symbolic"
            visible: root.current || root.answer === "challenge"
        }
    }
}
