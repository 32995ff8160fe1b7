package triggers

import (
	"context"
	"errors"

	"go.uber.org/zap"
)

// pressure is the watch on memory, which is kept only while an edge asks for it.
type pressure struct {
	want, is, busy bool
	// blind: the kernel tells nothing.
	blind bool
	high  bool
	done  chan error
	told  string
}

// steer starts or ends the watch. A unit's start takes a while: nothing waits
// for it.
func (w *Watcher) steer(ctx context.Context) {
	p := &w.pressure
	if p.busy || p.want == p.is {
		return
	}
	p.busy, p.is = true, p.want
	on := p.want
	go func() { p.done <- w.cfg.Machine.WatchPressure(ctx, on) }()
}

// watching hears how the watch was started or ended.
func (w *Watcher) watching(err error) {
	p := &w.pressure
	p.busy = false
	if p.told != "" {
		w.engine.Degrade(p.told, true)
		p.told = ""
	}
	p.blind = p.is && errors.Is(err, errors.ErrUnsupported)
	switch {
	case err == nil:
		p.high = p.high && p.is
		w.Tell(Pressure)
	case p.blind: // how the machine was booted is nothing that went wrong here
		w.cfg.Log.Warn("nobody watches for short memory", zap.Error(err))
	case p.is:
		p.told = "nobody watches for short memory: " + err.Error()
		w.engine.Degrade(p.told, false)
	default:
		w.cfg.Log.Info("cannot end the watch for short memory", zap.Error(err))
	}
}

// feel asks whether memory is short. A watch that does not answer says no: it
// is in Degraded, and guesses end no mode.
func (w *Watcher) feel(ctx context.Context) bool {
	p := &w.pressure
	if p.blind {
		return false
	}
	high, err := w.cfg.Machine.Pressure(ctx)
	switch {
	case p.busy:
	case err != nil:
		w.watching(err)
	case p.told != "": // it was started again
		w.engine.Degrade(p.told, true)
		p.told = ""
	}
	return high && err == nil
}
