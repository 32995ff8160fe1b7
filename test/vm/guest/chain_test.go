package main

import (
	"testing"
	"time"
)

var zero = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// secs is a span in seconds.
func secs(from, to int) span {
	return span{zero.Add(time.Duration(from) * time.Second), zero.Add(time.Duration(to) * time.Second)}
}

func TestTheChainCountsWhatOthersDidAndOfAStageTheLongest(t *testing.T) {
	t.Parallel()
	w := &witness{
		steps: []*stepSpan{
			{"units/a.timer release", secs(0, 3)}, {"vllm/main release", secs(0, 5)}, // side by side
			{"gui release", secs(6, 12)}, {"vllm/main acquire", secs(12, 20)}, {"slices/system.slice acquire", secs(5, 6)},
		},
		done: []*work{
			{"a.timer", false, secs(1, 2)},
			{"vllm.service", false, secs(1, 4)},
			{"lab-session.service", false, secs(6, 8)}, {"graphical.target", false, secs(7, 8)}, // one within the other
			{"session-1.scope", false, secs(8, 9)},
			{"moded-probe.service", false, secs(5, 6)}, // ours, and nobody else's
			{"vllm.service", false, secs(13, 14)},
			{"pipewire.service", true, secs(6, 12)}, // in no step that is about audio
		},
		sessions: map[string]time.Time{"1": secs(0, 10).to},
	}
	// 3 (vllm, not the timer) + 2+2 (the compositor, then logind until 10) + 1+4 (the job, then the model)
	if got := w.chain(secs(0, 18).to); got != 12*time.Second {
		t.Errorf("the chain is %s", got)
	}
}

func TestWhatWasServedBeforeItBeganIsNoTime(t *testing.T) {
	t.Parallel()
	w := &witness{steps: []*stepSpan{{"vllm/main acquire", secs(0, 5)}}, done: []*work{{"vllm.service", false, secs(1, 2)}}}
	if got := w.chain(time.UnixMicro(0)); got != time.Second {
		t.Errorf("the chain is %s", got)
	}
}
