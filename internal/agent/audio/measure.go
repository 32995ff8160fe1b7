package audio

import (
	"context"
	"time"

	"github.com/modectl/moded/internal/agent/pipewire"
)

// What is forced is a setting; what the graph runs with is measured, when
// something begins to play after the quantum was forced. A measurement costs a
// program for two seconds: one a minute at most, but that one that contradicts
// is repeated before it is left at that.
const (
	measureEvery = time.Minute
	measureRetry = 2 * time.Second
	measureTries = 3
)

// measuring is how the measurement stands. The zero value has everything before
// it.
type measuring struct {
	busy  bool
	done  time.Time // when the last one came back
	n     int       // how many came back that contradict
	again time.Time // when to repeat one, zero for not by the clock
	count int       // which one, for those that are out of date
}

type measured struct {
	count  int
	clocks []pipewire.Clock
	err    error
}

// unmeasured forgets what was measured: it is about another quantum.
func (k *Keeper) unmeasured() {
	k.seen.clock = nil
	k.measuring = measuring{count: k.measuring.count + 1}
}

// measure begins a measurement when one is due.
func (k *Keeper) measure(ctx context.Context) {
	v, m := &k.seen, &k.measuring
	if v.order.State != realtime || v.order.Quantum == 0 || v.busy || !v.graphKnown() || !v.pipewireRuns() ||
		v.graph.ForcedQuantum != v.order.Quantum || v.graph.Running() == 0 {
		v.clock = nil
		m.again = time.Time{}
		return
	}
	now := time.Now()
	repeat := !m.again.IsZero() && !now.Before(m.again)
	if m.busy || !repeat && (v.clock != nil || !m.done.IsZero() && now.Sub(m.done) < measureEvery) {
		return
	}
	m.busy, m.again = true, time.Time{}
	count := m.count
	k.beside.Go(func() {
		clocks, err := k.pw.Measure(ctx)
		select {
		case k.measures <- measured{count, clocks, err}:
		case <-ctx.Done():
		}
	})
}

// measureEnded takes what came back. Of several drivers the one that contradicts
// counts; where nothing could be measured, nothing is known.
func (k *Keeper) measureEnded(r measured) {
	m := &k.measuring
	if r.count != m.count {
		return
	}
	m.busy, m.done = false, time.Now()
	k.seen.clock = nil
	if r.err != nil {
		return
	}
	for _, c := range r.clocks {
		if k.seen.clock == nil || c.Quantum != k.seen.order.Quantum {
			k.seen.clock = &c
		}
	}
	if c := k.seen.clock; c == nil || c.Quantum == k.seen.order.Quantum {
		m.n = 0
		return
	}
	if m.n++; m.n < measureTries {
		m.again = m.done.Add(measureRetry)
	}
}
