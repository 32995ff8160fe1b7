package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// bead is what Waybar's custom modules read, an object in each line. Texts are
// Pango markup there, so they are escaped.
type bead struct {
	Text    string   `json:"text"`
	Alt     string   `json:"alt"`
	Tooltip string   `json:"tooltip"`
	Class   []string `json:"class"`
	// Percentage is how far the open transition is; 0 when there is none.
	Percentage int `json:"percentage"`
}

// watchWaybar prints a line whenever what Waybar shows changes, beginning with
// what is so now.
func (a *app) watchWaybar(ctx context.Context, events <-chan manager1.Event) error {
	last := ""
	for e := range events {
		var b bead
		switch {
		case e.Kind == manager1.EventVanished:
			b = bead{Text: "?", Alt: "absent", Tooltip: "moded is not on the bus", Class: []string{"absent"}}
		case e.Properties != nil:
			b = beadOf(*e.Properties)
		default:
			continue // properties are truth, signals are news
		}
		if shown := fmt.Sprint(b); shown != last {
			last = shown
			if err := a.printJSONLine(b); err != nil {
				return err
			}
		}
	}
	return watchEnded(ctx)
}

func beadOf(p manager1.Properties) bead {
	b := bead{Text: pango(p.Mode), Alt: pango(p.Mode), Class: []string{p.Mode}}
	lines := []string{"Mode: " + p.Mode}
	if t := p.Transition; t.Open() {
		b.Text, b.Class = pango(t.From+" → "+t.To), append(b.Class, t.Phase)
		b.Percentage = int(100 * t.Index / max(t.Of, 1))
		lines = append(lines, fmt.Sprintf("Transition %d to %s: %s", t.ID, t.To, t.Phase))
		if t.Step != "" {
			lines = append(lines, fmt.Sprintf("Step %s: %s", stepCount(t.Index, t.Of), t.Step))
		}
	}
	if len(p.Degraded) > 0 {
		b.Class = append(b.Class, "degraded")
		lines = append(lines, p.Degraded...)
	}
	if p.Holds > 0 {
		b.Class = append(b.Class, "held")
		lines = append(lines, plural(int(p.Holds), "hold", "holds"))
	}
	b.Tooltip = pango(strings.Join(lines, "\n"))
	return b
}

var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

func pango(text string) string { return markup.Replace(text) }
