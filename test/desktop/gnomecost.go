package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	// often is how many times the extension is switched off and on.
	often = 100
	// limit is how long a callback of ours may keep the shell waiting.
	limit = 4 * time.Millisecond
	// few calls have no median.
	few = 5
)

// cycles switches the extension off and on again and again, and compares what
// of it is alive after the first time and after the last: handlers, menus,
// actors, and the bus's match rules of the shell.
func cycles(p *panel) error {
	if err := p.do("count", true); err != nil {
		return err
	}
	var last belongings
	once, err := p.cycle(1)
	if err == nil {
		last, err = p.cycle(often - 1)
	}
	if err != nil {
		return err
	}
	// What nobody has any more goes with the next collection of garbage.
	if err := until(p.ctx, "what is left to be collected", func() error {
		if last != once {
			last, err = p.belongings()
		}
		if err == nil && last != once {
			left, _ := get[[]string](p, "liveHandlers()")
			err = fmt.Errorf("after one: %+v\nafter %d: %+v\n%s", once, often, last, tally(left))
		}
		return err
	}); err != nil {
		return err
	}
	if err := p.do("disable"); err != nil {
		return err
	}
	if err := until(p.ctx, "nothing to be left", func() error {
		left, err := get[[]string](p, "liveHandlers()")
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("switched off, it still has %q", left)
		}
		return err
	}); err != nil {
		return err
	}
	if err := errors.Join(p.do("count", false), p.do("enable"), p.awaitSubtitle("Desktop")); err != nil {
		return err
	}
	p.note("%d handlers, %d match rules, each time", last.Handlers, last.rules)
	return nil
}

// tally counts what is the same.
func tally(names []string) string {
	counts := map[string]int{}
	for _, name := range names {
		counts[name]++
	}
	return fmt.Sprint(counts)
}

// belongings are what an extension may leave behind.
type belongings struct {
	Handlers, SessionMode, Indicators, Overlay, Grid, Dialogs int

	rules uint32
}

// cycle switches off and on so many times, and counts.
func (p *panel) cycle(times int) (belongings, error) {
	if err := p.do("cycle", times); err != nil {
		return belongings{}, err
	}
	return p.belongings()
}

// belongings counts once all that is ours has settled.
func (p *panel) belongings() (b belongings, err error) {
	if b, err = get[belongings](p, "belongings()"); err == nil {
		b.rules, err = p.matchRules()
	}
	return b, err
}

// matchRules asks the system bus how many rules the shell's connection has.
func (p *panel) matchRules() (uint32, error) {
	conn, err := dbus.Connect(systemBus)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	name, err := get[string](p, "busName()")
	if err != nil {
		return 0, err
	}
	var stats map[string]dbus.Variant
	call := conn.BusObject().CallWithContext(p.ctx, "org.freedesktop.DBus.Debug.Stats.GetConnectionStats", 0, name)
	if err := call.Store(&stats); err != nil {
		return 0, fmt.Errorf("cannot ask the bus for match rules: %w", err)
	}
	rules, ok := stats["MatchRules"].Value().(uint32)
	if !ok {
		return 0, fmt.Errorf("the bus does not count match rules: %v", stats)
	}
	return rules, nil
}

// sample is one call of a callback of ours: its name, microseconds, and how
// often the shell was put off the CPU meanwhile.
type sample struct {
	name        string
	took        time.Duration
	interrupted bool
}

// costs is about every callback that the checks before it have called. What
// counts is the time that the shell could not go on because of us, not that of
// other programs: a sample during which the kernel took the CPU away is left out.
// Of the rest, the median of each callback that was called often enough, and the 99th percentile of all have to
// keep the limit. The slowest one is said and decides nothing: a hypervisor that
// takes the CPU away, and the shell's collection of garbage, hit whoever is
// running. A slow machine makes all of the shell slow, so where a fifth of what the
// shell itself takes to open a menu is more than the limit, that is the limit.
func costs(p *panel) error {
	if err := p.do("cycle", 20); err != nil {
		return err
	}
	raw, err := get[[][3]any](p, "samples")
	if err != nil {
		return err
	}
	all, ours := samples(raw)
	if err := writeSamples(all); err != nil {
		return err
	}
	if len(ours) < 100 {
		return fmt.Errorf("only %d calls were measured", len(ours))
	}
	own, err := get[float64](p, "shellsOwn()")
	if err != nil {
		return err
	}
	empty, err := get[float64](p, "emptyCall()")
	if err != nil {
		return err
	}
	worst, bound := at(ours, 100), max(limit, time.Duration(own*float64(time.Microsecond))/5)
	p.note("%d calls, %d without interruption: p50 %v, p99 %v, max %v (%s)", len(all), len(ours), at(ours, 50).took, at(ours, 99).took, worst.took, worst.name)
	p.note("an empty one %.0f µs, the shell's own menu %.1f ms", empty, own/1000)
	return within(ours, bound)
}

// within is an error unless the calls keep the bound.
func within(ours []sample, bound time.Duration) error {
	if s := at(ours, 99); s.took > bound {
		return fmt.Errorf("1 call in 100 took %v or longer (%s), more than %v", s.took, s.name, bound)
	}
	named := map[string][]sample{}
	for _, s := range ours {
		named[s.name] = append(named[s.name], s)
	}
	for name, calls := range named {
		if s := at(calls, 50); len(calls) >= few && s.took > bound {
			return fmt.Errorf("%s takes %v, more than %v", name, s.took, bound)
		}
	}
	return nil
}

// at sorts the calls by their time and gives the one at a percentile.
func at(calls []sample, percent int) sample {
	slices.SortFunc(calls, func(a, b sample) int { return int(a.took - b.took) })
	return calls[(len(calls)-1)*percent/100]
}

// samples decodes what the driver kept: all, and those that count.
func samples(raw [][3]any) (all, ours []sample) {
	for _, r := range raw {
		name, _ := r[0].(string)
		micros, _ := r[1].(float64)
		switches, _ := r[2].(float64)
		s := sample{name, time.Duration(micros) * time.Microsecond, switches > 0}
		all = append(all, s)
		if !s.interrupted {
			ours = append(ours, s)
		}
	}
	return all, ours
}

// writeSamples keeps what was measured, a line for each call.
func writeSamples(all []sample) error {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%s %d %v\n", s.name, s.took.Microseconds(), s.interrupted)
	}
	return os.WriteFile(filepath.Join(out, "callbacks.txt"), []byte(b.String()), 0o644)
}

// quiet looks at what the whole run has left: calls that wait, and the log.
func quiet(p *panel) error {
	calls, err := get[[]string](p, "syncCalls")
	if err != nil {
		return err
	}
	if len(calls) > 0 {
		return fmt.Errorf("these waited: %q", calls)
	}
	text, err := os.ReadFile(filepath.Join(out, "gnome-shell.log"))
	if err != nil {
		return err
	}
	var bad []string
	for line := range strings.Lines(string(text)) {
		low := strings.ToLower(line)
		if strings.Contains(low, "moded") || strings.Contains(low, "modectl") || strings.Contains(low, "js error") {
			bad = append(bad, strings.TrimSpace(line))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("the shell's log has\n%s", strings.Join(bad, "\n"))
	}
	return nil
}
