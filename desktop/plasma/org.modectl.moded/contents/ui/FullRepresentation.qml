pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts
import org.kde.kirigami as Kirigami
import org.kde.plasma.components as PlasmaComponents3
import org.kde.plasma.extras as PlasmaExtras

PlasmaExtras.Representation {
    id: root

    required property Manager manager

    Layout.minimumWidth: Kirigami.Units.gridUnit * 16
    Layout.minimumHeight: Kirigami.Units.gridUnit * 18
    Layout.preferredWidth: Kirigami.Units.gridUnit * 22
    Layout.preferredHeight: Kirigami.Units.gridUnit * 26

    header: PlasmaExtras.PlasmoidHeading {
        visible: root.manager.present
        leftPadding: Kirigami.Units.largeSpacing
        rightPadding: Kirigami.Units.largeSpacing

        contentItem: ColumnLayout {
            spacing: 0

            Kirigami.Heading {
                Layout.fillWidth: true
                level: 2
                text: root.manager.headline
                textFormat: Text.PlainText
                elide: Text.ElideRight
            }
            PlasmaComponents3.Label {
                Layout.fillWidth: true
                text: root.manager.line
                textFormat: Text.PlainText
                wrapMode: Text.Wrap
                maximumLineCount: 2
                elide: Text.ElideRight
                opacity: 0.75
            }
        }
    }

    footer: PlasmaExtras.PlasmoidHeading {
        position: PlasmaComponents3.ToolBar.Footer
        visible: root.manager.present
        leftPadding: Kirigami.Units.largeSpacing
        rightPadding: Kirigami.Units.largeSpacing

        contentItem: ColumnLayout {
            spacing: 0

            HoldSwitch {
                Layout.fillWidth: true
                text: i18nc("@option:check", "No automatic changes")
                help: i18n("Only a person changes the mode: no idle time, no schedule, no script.")
                hold: root.manager.noAutomaticChanges
            }
            HoldSwitch {
                Layout.fillWidth: true
                text: i18nc("@option:check", "Keep this mode")
                help: i18n("Nobody changes the mode while this is on.")
                hold: root.manager.keepThisMode
            }
        }
    }

    contentItem: PlasmaComponents3.ScrollView {
        id: scroll

        implicitWidth: root.Layout.preferredWidth
        contentWidth: availableWidth
        PlasmaComponents3.ScrollBar.horizontal.policy: PlasmaComponents3.ScrollBar.AlwaysOff

        ColumnLayout {
            width: scroll.availableWidth
            spacing: Kirigami.Units.smallSpacing

            Messages {
                Layout.fillWidth: true
                Layout.margins: Kirigami.Units.smallSpacing
                manager: root.manager
            }
            Progress {
                Layout.fillWidth: true
                Layout.margins: Kirigami.Units.largeSpacing
                visible: root.manager.present && root.manager.underWay
                manager: root.manager
            }
            Question {
                Layout.fillWidth: true
                Layout.margins: Kirigami.Units.largeSpacing
                visible: root.manager.question !== null
                manager: root.manager
            }
            Repeater {
                model: root.manager.modeNames

                ModeItem {
                    Layout.fillWidth: true
                    visible: root.manager.present && root.manager.question === null
                    manager: root.manager
                }
            }
        }
    }

    PlasmaExtras.PlaceholderMessage {
        anchors.centerIn: parent
        width: parent.width - Kirigami.Units.gridUnit * 4
        visible: !root.manager.present
        iconName: "question-symbolic"
        text: root.manager.headline
        explanation: root.manager.line
    }
}
