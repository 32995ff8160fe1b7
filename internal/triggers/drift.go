package triggers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/modectl/moded/pkg/fsm"
)

const (
	// gather is how long news about units is gathered before one look at all.
	gather = time.Second
	// rest is how much longer than a look the time before the next one is, up to
	// mostRest: a unit that flaps does not keep a machine busy with looks.
	rest     = 3
	mostRest = 10 * time.Second
	// A knob is put right so often in that time; then it is only reported.
	mostCorrections  = 3
	correctionWindow = 10 * time.Minute
)

// drift looks whether the machine is still as the mode says.
type drift struct {
	armed bool
	// due is when to look, zero while there was no news.
	due time.Time
	// busy is set while a look is under way, began when it was, and free when
	// the next one may be.
	busy        bool
	began, free time.Time
	rechecked   chan []fsm.Difference
	// tried has the corrections of each knob in the last window; told are those that
	// Degraded says are not tried any more.
	tried map[string][]time.Time
	told  []string
}

func (d *drift) arm(armed, look bool, now time.Time) {
	d.armed = armed
	if !armed {
		d.due = time.Time{}
	} else if look {
		d.hear(now, Units)
	}
}

// hear takes in news. A look that is to come anyway, when a knob may be put right
// again, does not make it wait.
func (d *drift) hear(now time.Time, news News) {
	if d.armed && news&(Units|Audio|Sessions) != 0 {
		d.due = earlier(d.due, now.Add(gather))
	}
}

func (d *drift) next() time.Time {
	if d.due.IsZero() || d.busy {
		return time.Time{}
	}
	if d.free.After(d.due) {
		return d.free
	}
	return d.due
}

// recheck looks, if it is time.
func (w *Watcher) recheck(ctx context.Context, now time.Time) {
	d := &w.drift
	if at := d.next(); at.IsZero() || now.Before(at) {
		return
	}
	d.due, d.busy, d.began = time.Time{}, true, now
	go func() { d.rechecked <- w.engine.Recheck(ctx) }()
}

// found hears what differs, and puts it right when that is asked for: all but the
// knobs that were put right often enough, which stay where they are.
func (w *Watcher) found(ctx context.Context, now time.Time, list []fsm.Difference) {
	d := &w.drift
	d.busy, d.free = false, now.Add(min(rest*now.Sub(d.began), mostRest))
	tired := d.tired(now, list)
	w.tellTired(tired)
	if !w.settings.Correct || len(list) == 0 || w.engine.State().Open != nil {
		return
	}
	if len(tired) > 0 {
		d.due = d.ripe(now)
	}
	fresh := slices.DeleteFunc(list, func(one fsm.Difference) bool { return slices.Contains(tired, one.ID()) })
	if len(fresh) > 0 && w.correct(ctx, fresh, tired) {
		d.note(now, fresh)
		if len(tired) > 0 { // what differs still is to be told again
			d.due = now.Add(gather)
		}
	}
}

// correct tells whether a correction has begun.
func (w *Watcher) correct(ctx context.Context, list []fsm.Difference, spared []string) bool {
	reason := "drift of " + list[0].ID()
	if n := len(list) - 1; n > 0 {
		reason += fmt.Sprintf(" and %d more", n)
	}
	id, err := w.engine.Correct(ctx, reason, spared...)
	if err != nil {
		w.cfg.Log.Info("drift is not corrected", zap.String("reason", reason), zap.Error(err))
	}
	return err == nil && id != 0
}

// tired names the knobs that were put right often enough.
func (d *drift) tired(now time.Time, list []fsm.Difference) (knobs []string) {
	for knob, times := range d.tried {
		for len(times) > 0 && now.Sub(times[0]) >= correctionWindow {
			times = times[1:]
		}
		d.tried[knob] = times
	}
	for _, one := range list {
		if len(d.tried[one.ID()]) >= mostCorrections {
			knobs = append(knobs, one.ID())
		}
	}
	return knobs
}

// ripe is when a knob may be put right again.
func (d *drift) ripe(now time.Time) time.Time {
	soonest := now.Add(correctionWindow)
	for _, times := range d.tried {
		if len(times) >= mostCorrections {
			soonest = earlier(soonest, times[0].Add(correctionWindow))
		}
	}
	return soonest
}

func (d *drift) note(now time.Time, list []fsm.Difference) {
	if d.tried == nil {
		d.tried = map[string][]time.Time{}
	}
	for _, one := range list {
		d.tried[one.ID()] = append(d.tried[one.ID()], now)
	}
}

// tellTired says in Degraded which knobs are not put right any more.
func (w *Watcher) tellTired(knobs []string) {
	text := func(knob string) string {
		return fmt.Sprintf("%s was corrected %d times in %s and differs again: it is only reported for now", knob, mostCorrections, plain(correctionWindow))
	}
	for _, knob := range w.drift.told {
		if !slices.Contains(knobs, knob) {
			w.engine.Degrade(text(knob), true)
		}
	}
	for _, knob := range knobs {
		if !slices.Contains(w.drift.told, knob) {
			w.engine.Degrade(text(knob), false)
		}
	}
	w.drift.told = knobs
}
