package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// when shows a time: the clock for today, the date otherwise.
func (a *app) when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	now := a.Now()
	t = t.In(now.Location())
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// ago shows how long something is past, in one unit.
func (a *app) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	switch d := a.Now().Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	default:
		return fmt.Sprintf("%d days ago", d/(24*time.Hour))
	}
}

// left shows how long it is until then: "28 s", "1 min 5 s".
func (a *app) left(t time.Time) string {
	return seconds(max(0, t.Sub(a.Now())))
}

func seconds(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// took shows a measured duration.
func took(ms uint32) string {
	if ms < 60_000 {
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return seconds(time.Duration(ms) * time.Millisecond)
}

// bytes shows a size with a binary unit.
func bytes(n int64) string {
	f, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// culprit names somebody: "REAPER (reaper, pid 4711, user dev, recording)".
func culprit(c manager1.Culprit) string {
	names := []string{c.Client, c.Comm, c.Unit}
	switch c.Kind {
	case "process":
		names = []string{c.Comm, c.Client, c.Unit}
	case "session":
		names = []string{"session " + c.Session, c.Comm, c.Unit}
	case "user":
		names = []string{c.User, c.Comm, c.Unit}
	case "unit":
		names = []string{c.Unit, c.Comm, c.Client}
	}
	name, rest := "", []string(nil)
	for _, n := range names {
		switch {
		case n == "" || n == name:
		case name == "":
			name = n
		default:
			rest = append(rest, n)
		}
	}
	if c.PID != 0 {
		rest = append(rest, "pid "+strconv.FormatUint(uint64(c.PID), 10))
	}
	if c.User != "" && c.Kind != "user" {
		rest = append(rest, "user "+c.User)
	}
	if c.Session != "" && c.Kind != "session" {
		rest = append(rest, "session "+c.Session)
	}
	if c.Detail != "" {
		rest = append(rest, c.Detail)
	}
	if name == "" {
		name = "an unknown " + c.Kind
	}
	if len(rest) == 0 {
		return name
	}
	return name + " (" + strings.Join(rest, ", ") + ")"
}

func culprits(list []manager1.Culprit) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = culprit(c)
	}
	return strings.Join(names, "; ")
}

// measured is what was seen and what the limit is: "0.93 per CPU, limit 0.50".
func measured(v manager1.Verdict) string {
	switch {
	case v.Measured == "":
		return ""
	case v.Limit == "":
		return v.Measured
	default:
		return v.Measured + ", limit " + v.Limit
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// number shows a transition's id: "#17".
func number(id uint32) string { return "#" + strconv.FormatUint(uint64(id), 10) }

// stepCount shows a place in a plan, counted from 1: "3/9".
func stepCount(index, total uint32) string { return fmt.Sprintf("%d/%d", index+1, total) }

// message is what a record says beyond its outcome and mode, which are shown
// beside it.
func message(r manager1.Record) string {
	text := strings.TrimPrefix(r.Message, r.Outcome+": ")
	if text == "the machine is in "+r.Mode+" mode" {
		return ""
	}
	text, _, _ = strings.Cut(text, "; the machine is back in "+r.Mode+" mode")
	return text
}
