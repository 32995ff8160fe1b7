package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// guardTable is a guardView on a terminal.
type guardTable struct {
	app      *app
	interval time.Duration
	frame    frame
	all      []modeGuards
	asked    time.Time
	trouble  string
}

func (t *guardTable) answer(all []modeGuards) {
	t.all, t.asked, t.trouble = all, t.app.Now(), ""
	t.redraw()
}

func (t *guardTable) left() {
	t.trouble = gone(t.app.Now())
	t.redraw()
}

func (t *guardTable) back() { t.trouble = "" } // the answer comes at once

func (t *guardTable) failed(text string) {
	t.trouble = text
	t.redraw()
}

// redraw writes the whole at once, so that nothing flickers.
func (t *guardTable) redraw() {
	page, text := t.app.page()
	if t.trouble != "" {
		page.ui.text("", yellow, t.trouble)
	}
	if !t.asked.IsZero() {
		page.ui.text("", dim, fmt.Sprintf("asked at %s, every %s; Ctrl-C ends", t.asked.Format("15:04:05"), seconds(t.interval)))
		page.printGuards(t.all)
	}
	t.frame.draw(text.String())
}

func (t *guardTable) end() { t.frame.leave() }

// guardLog is a guardView that has a line for each change of a verdict, which is
// one of its outcome or code: figures change all the time.
type guardLog struct {
	app   *app
	last  map[guardKey]manager1.Verdict
	modes []string
	named bool // modes are named, for there may be several
	gone  bool
	err   string
}

// guardKey is a verdict's place; nth tells verdicts of the same name apart.
type guardKey struct {
	mode, guard string
	nth         int
}

// guardChange is what --watch --json prints in a line.
type guardChange struct {
	Time    time.Time         `json:"time"`
	Kind    string            `json:"kind"`
	Modes   []string          `json:"modes,omitempty"`
	Mode    string            `json:"mode,omitempty"`
	Guard   string            `json:"guard,omitempty"`
	From    string            `json:"from"`
	To      string            `json:"to"`
	Verdict *manager1.Verdict `json:"verdict,omitempty"`
	Message string            `json:"message,omitempty"`
}

func (l *guardLog) answer(all []modeGuards) {
	l.err = ""
	now := map[guardKey]manager1.Verdict{}
	var modes []string
	for _, m := range all {
		modes = append(modes, m.Mode)
		for _, v := range refusalsFirst(m.Verdicts) {
			key := guardKey{mode: m.Mode, guard: v.Guard}
			for now[key].Outcome != "" {
				key.nth++
			}
			now[key] = v
			if was := l.last[key]; was.Outcome != v.Outcome || was.Code != v.Code {
				l.print(guardChange{Kind: "verdict", Mode: m.Mode, Guard: v.Guard, From: was.Outcome, To: v.Outcome, Verdict: &v})
			}
		}
	}
	for _, key := range sortedKeys(l.last) {
		if _, still := now[key]; !still {
			l.print(guardChange{Kind: "verdict", Mode: key.mode, Guard: key.guard, From: l.last[key].Outcome})
		}
	}
	if !slices.Equal(modes, l.modes) {
		l.print(guardChange{Kind: "asked", Modes: modes})
	}
	l.last, l.modes = now, modes
}

func sortedKeys(m map[guardKey]manager1.Verdict) []guardKey {
	var list []guardKey
	for key := range m {
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b guardKey) int {
		return cmp.Or(cmp.Compare(a.mode, b.mode), cmp.Compare(a.guard, b.guard), cmp.Compare(a.nth, b.nth))
	})
	return list
}

func (l *guardLog) left() {
	l.gone = true
	l.print(guardChange{Kind: manager1.EventVanished})
}

func (l *guardLog) back() {
	if l.gone {
		l.print(guardChange{Kind: manager1.EventAppeared})
	}
	l.gone = false
}

func (l *guardLog) failed(text string) {
	if text != l.err {
		l.print(guardChange{Kind: "error", Message: text})
	}
	l.err = text
}

func (l *guardLog) redraw() {}
func (l *guardLog) end()    {}

// asking says about which modes is asked from now on. At first the verdicts, if
// there are any, have just said it.
func (l *guardLog) asking(modes []string) string {
	switch {
	case len(modes) == 0:
		return "no mode is next to the present one"
	case len(l.last) == 0 && len(l.modes) == 0:
		return ""
	}
	return "asking about " + strings.Join(modes, ", ")
}

func (l *guardLog) print(c guardChange) {
	c.Time = l.app.Now()
	if l.app.json {
		_ = l.app.printJSONLine(c) // a reader that is gone ends us by a signal
		return
	}
	if line := l.line(c); line != "" {
		l.app.ui.printf("%s %s", c.Time.Format("15:04:05"), line)
	}
}

func (l *guardLog) line(c guardChange) string {
	switch c.Kind {
	case manager1.EventVanished:
		return "moded is not on the bus; waiting for it"
	case manager1.EventAppeared:
		return "moded is back"
	case "error":
		return c.Message
	case "asked":
		return l.asking(c.Modes)
	}
	name := c.Guard
	if l.named {
		name = c.Mode + " " + name
	}
	switch {
	case c.Verdict == nil:
		return fmt.Sprintf("%s: %s -> gone", name, c.From)
	case c.From == "":
		return fmt.Sprintf("%s: %s: %s", name, c.To, c.Verdict.Summary)
	}
	return fmt.Sprintf("%s: %s -> %s: %s", name, c.From, c.To, c.Verdict.Summary)
}
