package audio

import (
	"cmp"
	"context"
	"time"
)

// A quantum is forced once. Only what the graph has never shown is tried again: a
// PipeWire that has just come up may be too busy to listen.
const (
	forceTries = 4
	forceRetry = time.Second
)

// tries counts how often a quantum was forced since this order, in this
// PipeWire.
type tries struct {
	n    int
	last time.Time
}

// wish is what the order wants forced, or lifted to, and whether that differs
// from what is, or from what may still come.
func (k *Keeper) wish() (want, now Quantum, differs bool) {
	if k.seen.order.State == "" || k.seen.order.State == off || !k.seen.graphKnown() || !k.seen.pipewireRuns() {
		return want, now, false
	}
	now = shown(*k.seen.graph)
	want = now
	if o := k.seen.order; o.State == realtime {
		want = Quantum{cmp.Or(o.Quantum, now.Quantum), cmp.Or(o.Rate, now.Rate)}
	} else if k.kept.Forced != nil {
		want = k.kept.Forced.Was
	}
	return want, now, want != now || k.kept.Forced != nil && k.pending && k.seen.order.State == on
}

// forceAgain is when to try once more, zero for never.
func (k *Keeper) forceAgain() time.Time {
	_, _, differs := k.wish()
	changed := k.seen.order.State == realtime && !k.pending // by the user
	if !differs || changed || k.seen.busy || k.tries.n == 0 || k.tries.n >= forceTries {
		return time.Time{}
	}
	return k.tries.last.Add(forceRetry)
}

// force sets the order's quantum and rate, or lifts what we forced.
func (k *Keeper) force(ctx context.Context) {
	want, now, differs := k.wish()
	again := k.forceAgain()
	if !differs || k.tries.n > 0 && (again.IsZero() || time.Now().Before(again)) {
		return
	}
	k.tries = tries{k.tries.n + 1, time.Now()}
	if k.seen.order.State == realtime {
		was := now
		if f := k.kept.Forced; f != nil {
			was = f.Was
		}
		k.remember(func(r *Remembered) { r.Forced = &Forced{Is: want, Was: was} })
	}
	k.pending = k.seen.order.State == realtime
	k.unmeasured()
	k.work(ctx, func(ctx context.Context) worked {
		return worked{err: k.pw.Force(ctx, want.Quantum, want.Rate)}
	})
}
