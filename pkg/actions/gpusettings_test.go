package actions_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

const slot = "0000:01:00.0"

// What a card cannot do is said before anything is touched.
func TestSettingsThatACardCannotHaveRefuseThePlan(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		want    string
		prepare func(m *actionstest.Machine)
		says    string
	}{
		"a power that is too high": {`"power-limit":"400W"`, nil, "cannot set up gpu0: its power limit can be from 100W to 350W, not 400W"},
		"a power that is too low":  {`"power-limit":"50W"`, nil, "from 100W to 350W, not 50W"},
		"a profile of another card": {`"mig":["7g.80gb"]`, nil,
			"it has no MIG profile 7g.80gb; there are 1g.5gb, 2g.10gb, 3g.20gb"},
		"parts made by hand": {`"mig":["off"]`, func(m *actionstest.Machine) { parted(m); m.Cards[slot].Parts = []string{"1c.3g.20gb"} },
			"somebody has made the compute instance 1c.3g.20gb, which could not be put back"},
		"a card without MIG":           {`"mig":["1g.5gb"]`, func(m *actionstest.Machine) { m.Cards[slot].MIG = "" }, "cannot set up gpu0: it has no MIG"},
		"a card without compute modes": {`"compute-mode":"prohibited"`, func(m *actionstest.Machine) { m.Cards[slot].ComputeMode = "" }, "it has no compute mode"},
		"a card without a power limit": {`"power-limit":"250W"`, func(m *actionstest.Machine) { m.Cards[slot].PowerLimit = 0 }, "it has no power limit"},
		"a card that persists not":     {`"persistence":true`, func(m *actionstest.Machine) { m.Cards[slot].Persistence = nil }, "it has no persistence mode"},
		"a machine without the library": {`"power-limit":"250W"`, func(m *actionstest.Machine) { clear(m.Cards) },
			"it has no power limit: libnvidia-ml.so.1 not found"},
		"a driver that does not answer": {`"power-limit":"250W"`, func(m *actionstest.Machine) { m.Blind[slot] = true },
			"cannot read the settings of gpu0: no answer within 10s"},
		"a machine without the unit": {`"power-limit":"250W"`, func(m *actionstest.Machine) { delete(m.Units, "moded-gpu.service") },
			"moded-gpu.service does not exist on this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			card(m)
			if test.prepare != nil {
				test.prepare(m)
			}
			err := actions.New(m.Hands())["gpus"].(fsm.Preflighter).Preflight(t.Context(), "gpu0",
				fsm.Value(`{"owner":"none","pci":"`+slot+`",`+test.want+`}`))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %v, want %q", err, test.says)
			}
			if m.Effects() != 0 {
				t.Error("it touched the machine")
			}
			if errors.Is(err, fsm.ErrMissing) {
				t.Error("the GPU is there, and when-missing would skip it")
			}
		})
	}
}

// What a driver refuses is named, with the GPU and the reason; what was set is
// put back by Undo.
func TestASettingThatTheDriverRefusesIsNamed(t *testing.T) {
	t.Parallel()
	const want = `{"owner":"any","pci":"0000:01:00.0","compute-mode":"prohibited","power-limit":"250W","mig":["1g.5gb"]}`
	for name, test := range map[string]struct {
		prepare func(m *actionstest.Machine)
		says    []string
	}{
		"not supported": {func(m *actionstest.Machine) {
			m.Cards[slot].Refuses = map[string]string{"power-limit": "the device does not support it"}
		}, []string{"cannot set power-limit of gpu0: the device does not support it"}},
		"in use, and by whom": {func(m *actionstest.Machine) {
			m.Cards[slot].Refuses = map[string]string{"mig": "the GPU is in use"}
			m.GPUs[0].Holders = []actions.DeviceHolder{{PID: 77, Comm: "python3", User: "eve", Unit: "user@1001.service", Compute: true}}
		}, []string{"cannot set mig of gpu0: the GPU is in use; it is held by python3 (77, user@1001.service, eve)"}},
		"reset required, and one more": {func(m *actionstest.Machine) {
			m.Cards[slot].Refuses = map[string]string{"mig": "the GPU must be reset", "compute-mode": "no permission to ask the driver"}
		}, []string{"cannot set mig of gpu0: the GPU must be reset", "cannot set compute-mode of gpu0: no permission to ask the driver"}},
		"the unit does not even start": {func(m *actionstest.Machine) { m.Units["moded-gpu.service"].Fails = true },
			[]string{"cannot set up gpu0: cannot start moded-gpu.service: job result failed, it is failed (exit-code)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			card(m)
			before := m.String()
			test.prepare(m)
			gpus := actions.New(m.Hands())["gpus"]
			was, err := gpus.Capture(t.Context(), "gpu0", want)
			if err != nil {
				t.Fatal(err)
			}
			err = gpus.Do(t.Context(), "gpu0", want)
			if err == nil {
				t.Fatal("Do says nothing")
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("it says %q, want %q", err, says)
				}
			}
			m.Cards[slot].Refuses, m.Units["moded-gpu.service"].Fails = nil, false
			if err := gpus.Undo(t.Context(), "gpu0", was); err != nil {
				t.Fatal(err)
			}
			if now := m.String(); now != before {
				t.Errorf("after Undo\n%s\nbefore\n%s", now, before)
			}
		})
	}
}

// Who must leave a GPU for its settings: nobody for a power limit, everybody for
// new parts, and otherwise whom the owner does not stand.
func TestABarrierIsRaisedOnlyWhereSomebodyMustGo(t *testing.T) {
	t.Parallel()
	const nobody = `{"but":"graphics","owner":"nobody","pci":"0000:01:00.0"}`
	const nobodyAtAll = `{"owner":"nobody","pci":"0000:01:00.0"}`
	cuda := []actions.DeviceHolder{{PID: 2, Comm: "vllm", Compute: true}}
	for name, test := range map[string]struct {
		want    string
		holders []actions.DeviceHolder
		rest    fsm.Value
	}{
		"a power limit under who computes":       {`"owner":"compute","power-limit":"250W"`, cuda, ""},
		"a power limit of a GPU to hand over":    {`"owner":"display","power-limit":"250W"`, cuda, nobody},
		"settings of nobody's GPU that is held":  {`"owner":"none","compute-mode":"prohibited"`, cuda, nobodyAtAll},
		"settings of a GPU that nobody has":      {`"owner":"none","compute-mode":"prohibited"`, nil, ""},
		"parts under who computes":               {`"owner":"compute","mig":["1g.5gb"]`, cuda, nobodyAtAll},
		"parts of a GPU that is anybody's":       {`"owner":"any","mig":["1g.5gb"]`, cuda, nobodyAtAll},
		"parts of the display's GPU":             {`"owner":"display","mig":["1g.5gb"]`, nil, nobodyAtAll},
		"parts that are so already":              {`"owner":"any","mig":["off"],"power-limit":"250W"`, cuda, ""},
		"no settings, as before there were some": {`"owner":"display"`, cuda, nobody},
	} {
		m := workstation()
		card(m)
		m.GPUs[0].Holders = test.holders
		gpus := actions.New(m.Hands())["gpus"]
		bound, err := gpus.(fsm.Binder).Bind(t.Context(), "gpu0", fsm.Value(`{"pci":"`+slot+`",`+test.want+`}`), fsm.Context{})
		if err != nil {
			t.Fatal(err)
		}
		if rest := gpus.(fsm.Rester).Rest("gpu0", bound); rest != test.rest {
			t.Errorf("%s: rest is %q, want %q", name, rest, test.rest)
		}
	}
}

// A pending change of MIG is a change: the next reset would make it.
func TestSettingsAreAsTheDriverSays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		want    string
		prepare func(c *actionstest.Card)
		settled bool
	}{
		"all as they are":             {`"compute-mode":"default","power-limit":"300W","persistence":false,"mig":["off"]`, nil, true},
		"a limit that is rounded":     {`"power-limit":"300W"`, func(c *actionstest.Card) { c.PowerLimit = 299_700 }, true},
		"a limit of somebody else's":  {`"power-limit":"default"`, func(c *actionstest.Card) { c.PowerLimit = 200_000 }, false},
		"parts in another order":      {`"mig":["3g.20gb","1g.5gb"]`, func(c *actionstest.Card) { c.MIG, c.Parts = "on", []string{"1g.5gb", "3g.20gb"} }, true},
		"one part too few":            {`"mig":["1g.5gb","1g.5gb"]`, func(c *actionstest.Card) { c.MIG, c.Parts = "on", []string{"1g.5gb"} }, false},
		"MIG that comes at the reset": {`"mig":["off"]`, func(c *actionstest.Card) { c.MIGPending = "on" }, false},
		"another compute mode":        {`"compute-mode":"prohibited"`, nil, false},
	} {
		m := workstation()
		card(m)
		if test.prepare != nil {
			test.prepare(m.Cards[slot])
		}
		if got := settled(t, m, "gpus", "gpu0", fsm.Value(`{"owner":"none","pci":"`+slot+`",`+test.want+`}`)); got != test.settled {
			t.Errorf("%s: settled is %v", name, got)
		}
	}
}

// Drift is told knob by knob.
func TestWhatDiffersOfAGPUIsTold(t *testing.T) {
	t.Parallel()
	m := workstation()
	card(m)
	gpus := actions.New(m.Hands())["gpus"].(fsm.Teller)
	const want = `{"owner":"compute","pci":"0000:01:00.0","compute-mode":"exclusive-process","power-limit":"250W","persistence":true,"mig":["off"]}`
	m.Cards[slot].MIGPending = "on"
	for _, says := range []string{
		"compute mode is default, power limit is 300W, persistence is off, MIG is off, and will be on after a reset",
		"it is held by weston (1234, dev)",
	} {
		if got, err := gpus.Tell(t.Context(), "gpu0", want); err != nil || got != says {
			t.Errorf("it tells %q, %v; want %q", got, err, says)
		}
		m.GPUs[0].Holders = []actions.DeviceHolder{{PID: 1234, Comm: "weston", User: "dev", Graphics: true}}
	}
}

// Two steps of a stage may set up two GPUs at once; the unit has one at a time.
func TestTwoGPUsAreSetUpSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		card(m)
		const other = "0000:02:00.0"
		m.GPUs = append(m.GPUs, actions.Device{PCI: other})
		second := *m.Cards[slot]
		m.Cards[other] = &second
		gpus := actions.New(m.Hands())["gpus"]
		var wg sync.WaitGroup
		for _, pci := range []string{slot, other} {
			wg.Go(func() {
				if err := gpus.Do(t.Context(), pci, fsm.Value(`{"owner":"none","pci":"`+pci+`","compute-mode":"prohibited"}`)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for pci, c := range m.Cards {
			if c.ComputeMode != "prohibited" {
				t.Errorf("%s is %s", pci, c.ComputeMode)
			}
		}
	})
}

func TestAHolderOfThePlansOwnUnitIsCalledThat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		m.GPUs[0].Holders = []actions.DeviceHolder{{PID: 9, Comm: "python3", User: "ai", Unit: "ai.service", Compute: true}}
		err := actions.New(m.Hands())["gpus"].Do(fsm.WithOwned(t.Context(), []string{"ai.service"}), "gpu0", `{"owner":"nobody","auto":"primary"}`)
		if err == nil || !strings.Contains(err.Error(), "held by python3 (9, ai.service of this plan, ai)") {
			t.Errorf("it says %v", err)
		}
	})
}

// A display manager may have been started so often that PID 1 would refuse: what
// is to be on counts, and nothing is wrong with the unit.
func TestStartsThatCameTooOftenAreForgottenFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		headless(m)
		m.Units["gdm.service"].Burst = 3
		for range 3 {
			do(t, m, "gui", "", guiOn)
			do(t, m, "gui", "", guiOff)
		}
		do(t, m, "gui", "", guiOn)
		if !settled(t, m, "gui", "", guiOn) {
			t.Error("the GUI is not on")
		}
	})
}
