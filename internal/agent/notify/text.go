package notify

import (
	"fmt"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

const maxText = 256

// body is the text below the summary: what the daemon says, and what ends.
func body(m manager1.Notification) string {
	text := manager1.CleanLines(m.Body)
	if len(m.Ends) == 0 {
		return text
	}
	lines := []string{"This ends:"}
	if text != "" {
		lines = []string{text, "This ends:"}
	}
	for _, end := range m.Ends[:min(len(m.Ends), 16)] {
		lines = append(lines, "• "+manager1.Clean(end, maxText))
	}
	return strings.Join(lines, "\n")
}

// line is the notification as a terminal shows it: on lines of its own,
// wherever the cursor is, with a bell when it is urgent.
func line(m manager1.Notification) string {
	text := "moded: " + manager1.Clean(m.Summary, maxText)
	if b := body(m); b != "" {
		text += "\n" + b
	}
	if m.Kind == kindGrace {
		text += fmt.Sprintf("\nTo stop it: modectl cancel %d", m.ID)
	}
	bell := ""
	if m.Urgency == "critical" {
		bell = "\a"
	}
	return "\r\n" + bell + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"
}

// escape makes a text safe for services that read markup.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
