package audio

import (
	"context"
	"errors"
	"time"

	"github.com/modectl/moded/internal/agent/pipewire"
)

// stream is pw-dump's, while it runs.
type stream struct {
	id      int // which one, counted from 1
	stop    context.CancelFunc
	retryAt time.Time // when to begin again, zero for not by the clock
	backoff time.Duration
}

// due tells whether it is time to begin: at first, or when the clock says so.
// A stream that broke for good has no time.
func (s *stream) due(broken error) bool {
	if s.retryAt.IsZero() {
		return broken == nil
	}
	return !time.Now().Before(s.retryAt)
}

type heard struct {
	stream  int
	summary pipewire.Summary
}

type ended struct {
	stream int
	err    error
}

// follow begins a stream when PipeWire runs, and ends it when it does not.
func (k *Keeper) follow(ctx context.Context) {
	if k.seen.lost != nil {
		return
	}
	runs := k.seen.pipewireRuns()
	switch s := &k.stream; {
	case !runs && !k.seen.units[pipewireService].Running():
		if s.stop != nil {
			s.stop()
		}
		s.retryAt, s.backoff = time.Time{}, 0
		k.seen.broken = nil
	case runs && s.stop == nil && s.due(k.seen.broken):
		k.beginStream(ctx)
	}
}

func (k *Keeper) beginStream(run context.Context) {
	ctx, stop := context.WithCancel(run)
	k.stream.id++
	k.stream.stop, k.stream.retryAt = stop, time.Time{}
	id := k.stream.id
	k.beside.Go(func() {
		err := k.pw.Follow(ctx, func(s pipewire.Summary) {
			select {
			case k.summaries <- heard{id, s}:
			case <-ctx.Done():
			}
		})
		select {
		case k.ends <- ended{id, err}:
		case <-run.Done():
		}
	})
}

// hear takes a new summary. A forced quantum that it does not show any more
// was changed by somebody, or died with PipeWire: then it is not ours.
func (k *Keeper) hear(h heard) {
	if h.stream != k.stream.id {
		return
	}
	k.seen.graph, k.seen.broken, k.stream.backoff = &h.summary, nil, 0
	k.recognise()
}

// recognise tells from the graph whether what we forced still holds, and
// forgets it when it was lifted, by us or by somebody else. While we change it
// the graph may show anything; so it is asked once more when we are done, for
// the last summary may have come before the change was over. What the graph has
// not shown yet may still come, whatever order came meanwhile.
func (k *Keeper) recognise() {
	f := k.kept.Forced
	if f == nil || !k.seen.graphKnown() || k.seen.busy {
		return
	}
	switch {
	case shown(*k.seen.graph) == f.Is:
		k.pending = false
	case !k.pending:
		k.remember(func(r *Remembered) { r.Forced = nil })
	}
}

// streamEnded notes why, and when to try again: an end without an error is
// PipeWire's own.
func (k *Keeper) streamEnded(e ended) {
	k.stream.stop()
	k.stream.stop = nil
	k.seen.graph, k.tries, k.pending = nil, tries{}, false
	k.unmeasured()
	switch s := &k.stream; {
	case errors.Is(e.err, pipewire.ErrMissing):
		k.seen.broken = e.err // until pipewire.service stops and starts
	default:
		if e.err != nil && !errors.Is(e.err, context.Canceled) {
			k.seen.broken = e.err
		}
		s.backoff = min(max(firstRetry, 2*s.backoff), lastRetry)
		s.retryAt = time.Now().Add(s.backoff)
	}
}
