package eyes_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// driver is a probe that speaks of settings, one question at a time or not.
type driver struct {
	answer map[string]facts.GPUSettings
	err    error

	mu        sync.Mutex
	now, most int
	asked     []probe.Question
}

func (d *driver) Ask(_ context.Context, q probe.Question) (probe.Answer, error) {
	d.mu.Lock()
	d.now++
	d.most = max(d.most, d.now)
	d.asked = append(d.asked, q)
	d.mu.Unlock()
	time.Sleep(time.Second)
	d.mu.Lock()
	d.now--
	d.mu.Unlock()
	return probe.Answer{Settings: d.answer, GPUs: &facts.GPUs{List: []facts.GPU{{PCI: card0}, {PCI: "0000:02:00.0"}}}}, d.err
}

const card0 = "0000:01:00.0"

func TestSettingsAreAskedOneByOneAndRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		on := true
		d := &driver{answer: map[string]facts.GPUSettings{card0: {
			ComputeMode: "prohibited", PowerLimit: 250_000, Persistence: &on, MIG: "on", MIGPending: "on", Parts: []string{"3g.20gb"},
		}}}
		e := eyes.New(eyes.Sources{Probe: d})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				is, err := e.Settings(t.Context(), card0)
				if err != nil || is.ComputeMode != "prohibited" || is.PowerLimit != 250_000 || !*is.Persistence || is.MIG != "on" || is.Parts[0] != "3g.20gb" {
					t.Errorf("got %+v, %v", is, err)
				}
			})
		}
		wg.Wait()
		if d.most != 1 {
			t.Errorf("%d questions at once", d.most)
		}
		asked := len(d.asked)
		f := e.Look(t.Context(), eyes.Everything(), true)
		if s := f.GPUs.List[0].Settings; s == nil || s.ComputeMode != "prohibited" {
			t.Errorf("the facts have %+v", s)
		}
		if f.GPUs.List[1].Settings != nil {
			t.Error("nobody has asked for the other GPU's")
		}
		for _, q := range d.asked[asked:] {
			if len(q.Settings) > 0 {
				t.Error("a look at the machine asks the driver")
			}
		}
	})
}

func TestSettingsThatAreNotSeenAreAnError(t *testing.T) {
	t.Parallel()
	for says, d := range map[string]*driver{
		"the socket is gone":              {err: errors.New("the socket is gone")},
		"moded-probe did not speak of it": {},
		"NVML: no answer within 10s":      {answer: map[string]facts.GPUSettings{card0: {Part: facts.Part{Unknown: "no answer within 10s"}}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := eyes.New(eyes.Sources{Probe: d})
			if _, err := e.Settings(t.Context(), card0); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, want %q", err, says)
			}
		})
	}
	if _, err := eyes.New(eyes.Sources{}).Settings(t.Context(), card0); err == nil {
		t.Error("without a probe there is no error")
	}
}
