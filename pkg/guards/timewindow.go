package guards

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// timeWindow is a guard on the time of day. It asks the facts when they were
// collected, in the zone that they say, and so a record judges the same wherever
// and whenever it is read.
type timeWindow struct {
	from, to int // minutes since midnight; to is more than from or, over midnight, less
	days     []time.Weekday
}

const minutesADay = 24 * 60

func timeWindowKind() Kind {
	return Kind{
		Name:    "time-window",
		Summary: "passes from one time of day to another",
		Details: "The time is the clock on the wall in the machine's own zone when the facts were collected. A window may go over midnight; its hours after midnight belong to the day on which it began. Where the clock is put forward or back, a window has the length that the clock on the wall gives it.",
		Params: []Param{
			{"from", Clock, `"00:00"`, "when the window begins"},
			{"to", Clock, `"24:00"`, "when it ends; that minute is no longer in it. Earlier than from is over midnight"},
			{"days", Names, "", `on which days it begins: "mon", "tue", "wed", "thu", "fri", "sat", "sun"; without it, on all`},
		},
		Codes: []Code{
			{"time-inside", fsm.Pass, "it is the time", ""},
			{"time-outside", fsm.Deny, "it is not the time", "wait until the window begins"},
			{"time-unknown", fsm.Unknown, "the facts do not say when they were collected", "look at the machine anew"},
		},
		Example: `[guards.at-night]
kind = "time-window"
from = "22:00"
to = "06:00"
days = ["mon", "tue", "wed", "thu", "fri"]
`,
		New: newTimeWindow,
	}
}

// weekdays are the names of days as people abbreviate them.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func newTimeWindow(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := timeWindow{from: p.clock("from", 0), to: p.clock("to", minutesADay)}
	if g.from == g.to || g.from == minutesADay {
		p.fail("to", "leaves nothing of the day: from and to must differ, and from be before 24:00")
	}
	for _, name := range p.names("days", false) {
		i := slices.Index(weekdays, name)
		if i < 0 {
			p.fail("days", "must be of %s, not %q", strings.Join(weekdays, ", "), name)
		}
		g.days = append(g.days, time.Weekday(i))
	}
	return g, p.done()
}

// Needs implements Guard: all facts say when they were collected.
func (g timeWindow) Needs() Needs { return Needs{} }

// Judge implements Guard.
func (g timeWindow) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	if f.At.IsZero() {
		return unknown("time-unknown", "the facts do not say when they were collected", "look at the machine anew")
	}
	v := pass("time-inside", "it is the time")
	if !g.holds(f.At) {
		v = deny("time-outside", "it is not the time", "wait until the window begins")
	}
	v.Measured, v.Limit = strings.ToLower(f.At.Format("Mon 15:04")), g.String()
	return v
}

// holds tells whether the clock on the wall at that time is in the window.
func (g timeWindow) holds(at time.Time) bool {
	now, day := at.Hour()*60+at.Minute(), at.Weekday()
	yesterday := (day + 6) % 7
	if g.from < g.to {
		return g.from <= now && now < g.to && g.on(day)
	}
	return now >= g.from && g.on(day) || now < g.to && g.on(yesterday)
}

func (g timeWindow) on(day time.Weekday) bool {
	return len(g.days) == 0 || slices.Contains(g.days, day)
}

// String says the window as people do: "22:00 to 06:00, mon, tue".
func (g timeWindow) String() string {
	text := fmt.Sprintf("%02d:%02d to %02d:%02d", g.from/60, g.from%60, g.to/60, g.to%60)
	for _, d := range g.days {
		text += ", " + weekdays[d]
	}
	return text
}
