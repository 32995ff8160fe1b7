package simulate_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

func TestTheDriversOfGPUsAreToldAndRemember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		m, err := simulate.New(simulate.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		const want = fsm.Value(`{"owner":"none","pci":"0000:02:00.0","compute-mode":"default","power-limit":"250W","persistence":true,"mig":["2g.48gb","1g.24gb"]}`)
		gpus := hands(t, dir, m)["gpus"]
		was, err := gpus.Capture(t.Context(), "gpu1", want)
		if err == nil {
			err = gpus.Do(t.Context(), "gpu1", want)
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := simulate.New(simulate.Options{Dir: dir}) // after a restart of the daemon
		if err != nil {
			t.Fatal(err)
		}
		g := again.Look(t.Context(), guards.Needs{GPU: true}, true).GPUs.List[1]
		if s := g.Settings; s.PowerLimit != 250_000 || !*s.Persistence || s.MIG != "on" || strings.Join(s.Parts, " ") != "1g.24gb 2g.48gb" || len(g.Instances) != 2 {
			t.Errorf("got %+v with %d instances", s, len(g.Instances))
		}
		if err := gpus.Undo(t.Context(), "gpu1", was); err != nil {
			t.Fatal(err)
		}
		if s := m.Look(t.Context(), guards.Needs{GPU: true}, true).GPUs.List[1].Settings; s.PowerLimit != 300_000 || *s.Persistence || s.MIG != "off" {
			t.Errorf("after Undo %+v", s)
		}
	})
}

func TestADriverCanBeMadeToRefuse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		m, err := simulate.New(simulate.Options{Dir: dir})
		if err == nil {
			_, err = m.Command("fail gpu set gpu1")
		}
		if err != nil {
			t.Fatal(err)
		}
		err = hands(t, dir, m)["gpus"].Do(t.Context(), "gpu1", `{"owner":"none","pci":"0000:02:00.0","power-limit":"250W"}`)
		if err == nil || !strings.Contains(err.Error(), "cannot set power-limit of gpu1: the device does not support it") {
			t.Errorf("it says %v", err)
		}
		// A desktop holds the other one: it cannot be cut, and has no MIG either.
		is, err := m.Settings(t.Context(), "0000:01:00.0")
		if err != nil || is.MIG != "" || is.PowerLimit != 300_000 {
			t.Errorf("gpu0 is %+v, %v", is, err)
		}
		if is, err := m.Settings(t.Context(), "0000:09:00.0"); err != nil || is.Without == "" {
			t.Errorf("no card is %+v, %v", is, err)
		}
	})
}
