package draw

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// Measures of a timeline.
const (
	rowHeight  = 26.0
	nameWidth  = 250.0
	barsWidth  = 620.0
	tailWidth  = 110.0
	roomy      = 52.0      // a bar with room for words
	colourBack = "#c98a1b" // taken back
)

// bar is what a row shows: from when to when, in what colour, with which words.
type bar struct {
	from, to time.Time
	colour   string
	words    string
}

// Timeline draws a transition: a row for each step that began, with when it was
// done and when it was taken back. It is a picture by itself, in SVG.
func Timeline(r manager1.Record) string {
	steps := begun(r.Steps)
	start, end := span(r, steps)
	scale := func(t time.Time) float64 {
		return nameWidth + barsWidth*float64(t.Sub(start))/float64(max(end.Sub(start), time.Millisecond))
	}
	width, height := nameWidth+barsWidth+tailWidth, 92+rowHeight*float64(len(steps))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="sans-serif" font-size="12" role="img">`+"\n", width, height, width, height)
	heading := fmt.Sprintf("Transition %d: %s to %s, %s", r.ID, r.From, r.To, r.Outcome)
	fmt.Fprintf(&b, "<title>%s</title>\n"+`<rect width="100%%" height="100%%" fill="%s"/>`+"\n", escaped(heading), colourPaper)
	fmt.Fprintf(&b, `<text x="16" y="26" font-size="15" font-weight="bold" fill="%s">%s</text>`+"\n", colourText, escaped(heading))
	fmt.Fprintf(&b, `<text x="16" y="44" fill="%s">%s</text>`+"\n", colourLine, escaped(shortened(r.Message, 130)))
	for i, tick := range ticks(end.Sub(start)) {
		x := scale(start.Add(tick))
		fmt.Fprintf(&b, `<path d="M%.1f 58V%.0f" stroke="%s" stroke-opacity=".3"/><text x="%.1f" y="%.0f" text-anchor="middle" fill="%s">%s</text>`+"\n",
			x, height-26, colourLine, x, height-10, colourLine, tickText(i, tick))
	}
	for i, st := range steps {
		y := 62 + rowHeight*float64(i)
		mark := ""
		if st.Irreversible {
			mark = " ⚠"
		}
		fmt.Fprintf(&b, `<text x="16" y="%.1f" fill="%s">%s</text>`+"\n", y+16, colourText, escaped(shortened(st.Name, 34)+mark))
		for _, bar := range bars(st, end) {
			x := scale(bar.from)
			w := max(scale(bar.to)-x, 2)
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="16" rx="3" fill="%s"><title>%s</title></rect>`+"\n", x, y+3, w, bar.colour, escaped(bar.words))
			x, ink := x+w+4, colourLine
			if w > roomy { // inside, where the next bar cannot cover it
				x, ink = x-w+4, colourPaper
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", x, y+16, ink, escaped(length(bar.to.Sub(bar.from))))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func begun(steps []manager1.Step) (list []manager1.Step) {
	for _, st := range steps {
		if !st.Began.IsZero() {
			list = append(list, st)
		}
	}
	return list
}

// bars are the one or two of a step: done, and taken back.
func bars(st manager1.Step, end time.Time) []bar {
	until := func(from time.Time, ms uint32, open bool) time.Time {
		if ms == 0 && open {
			return end // it was never over
		}
		return from.Add(time.Duration(ms) * time.Millisecond)
	}
	colour := colourCurrent
	if st.Error != "" {
		colour = colourBlocked
	}
	list := []bar{{st.Began, until(st.Began, st.DurationMS, st.Status == manager1.Doing), colour, cmp.Or(st.Error, st.Summary)}}
	if !st.UndoBegan.IsZero() {
		list = append(list, bar{st.UndoBegan, until(st.UndoBegan, st.UndoMS, st.Status != manager1.Undone), colourBack, "taken back: " + st.Summary})
	}
	return list
}

// span is from the beginning of the transition, the grace period and the guards
// included, to its end or to that of the last step.
func span(r manager1.Record, steps []manager1.Step) (start, end time.Time) {
	start, end = r.Started, r.Finished
	for _, st := range steps {
		if start.IsZero() || st.Began.Before(start) {
			start = st.Began
		}
		for _, t := range []time.Time{st.Began.Add(time.Duration(st.DurationMS) * time.Millisecond), st.UndoBegan.Add(time.Duration(st.UndoMS) * time.Millisecond)} {
			if t.After(end) {
				end = t
			}
		}
	}
	return start, end
}

// ticks are five to ten round times of a span.
func ticks(whole time.Duration) (list []time.Duration) {
	for _, step := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour} {
		if whole/step > 9 {
			continue
		}
		for t := time.Duration(0); t <= whole; t += step {
			list = append(list, t)
		}
		return list
	}
	return []time.Duration{0, whole}
}

func tickText(i int, t time.Duration) string {
	if i == 0 {
		return "0"
	}
	return length(t)
}

func length(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

func shortened(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
