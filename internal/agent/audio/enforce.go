package audio

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// enforce begins what the order still needs, one thing at a time. It only
// changes units when the order is new or units changed, and forces a quantum
// once an order and PipeWire: nobody is fought.
func (k *Keeper) enforce(ctx context.Context) {
	v := &k.seen
	if v.order.State == "" || v.busy || v.lost != nil {
		return
	}
	units := k.due || k.fresh
	fresh := k.fresh
	k.due, k.fresh = false, false
	switch {
	case v.order.State == off && (fresh || units && v.anyRunning()):
		k.stopUnits(ctx)
	case v.order.State != off && fresh:
		k.startUnits(ctx)
	case v.order.State != off:
		k.force(ctx)
	}
}

// work changes the machine beside Run.
func (k *Keeper) work(run context.Context, do func(context.Context) worked) {
	k.seen.busy, k.seen.failed = true, nil
	k.beside.Go(func() {
		ctx, stop := context.WithTimeout(run, workTimeout)
		defer stop()
		w := do(ctx)
		select {
		case k.works <- w:
		case <-run.Done():
		}
	})
}

func (k *Keeper) workEnded(ctx context.Context, w worked) {
	k.seen.busy, k.seen.failed = false, w.err
	if w.started != nil {
		k.seen.expected = w.started
		k.remember(func(r *Remembered) { r.Stopped, r.Active = false, nil })
	}
	k.recognise()
	k.look(ctx)
}

// stopUnits stops all units of audio, those that are only about to start too,
// and remembers which were up.
func (k *Keeper) stopUnits(ctx context.Context) {
	var exist []string
	k.remember(func(r *Remembered) {
		r.Stopped = true
		for _, unit := range audioUnits {
			if k.seen.units[unit].Running() && !slices.Contains(r.Active, unit) {
				r.Active = append(r.Active, unit)
			}
			if k.seen.units[unit].Exists() {
				exist = append(exist, unit)
			}
		}
	})
	if len(exist) == 0 {
		return
	}
	k.work(ctx, func(ctx context.Context) worked { return worked{err: k.units.Stop(ctx, exist...)} })
}

// startUnits starts what we stopped and what starts by itself. When we stopped
// nothing, only sockets: services that the user stopped stay so.
func (k *Keeper) startUnits(ctx context.Context) {
	kept, seen := k.kept, k.seen.units
	k.work(ctx, func(ctx context.Context) worked {
		w := worked{started: []string{}}
		var start []string
		for _, unit := range audioUnits {
			if !seen[unit].Exists() || !kept.Stopped && !isSocket(unit) {
				continue
			}
			wanted, err := k.wanted(ctx, unit, kept)
			if err != nil {
				w.err = errors.Join(w.err, err)
			}
			if !wanted {
				continue
			}
			w.started = append(w.started, unit)
			if seen[unit].Active != "active" {
				start = append(start, unit)
			}
		}
		if len(start) > 0 {
			w.err = errors.Join(w.err, k.units.Start(ctx, start...))
		}
		if w.err != nil && ctx.Err() != nil {
			w.started = nil // not done: what was stopped is still remembered
		}
		return w
	})
}

func (k *Keeper) wanted(ctx context.Context, unit string, kept Remembered) (bool, error) {
	if slices.Contains(kept.Active, unit) {
		return true, nil
	}
	return k.units.Enabled(ctx, unit)
}

func isSocket(unit string) bool { return strings.HasSuffix(unit, ".socket") }
