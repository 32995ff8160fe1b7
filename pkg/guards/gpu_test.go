package guards_test

import (
	"testing"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

func TestVerdictsOfGPU(t *testing.T) {
	t.Parallel()
	shell := facts.Holder{PID: 10, Comm: "gnome-shell", UID: 1000, User: "dev", Unit: "user@1000.service", UserUnit: "gnome-shell.service", Graphics: true, BusyPercent: 3}
	weston := facts.Holder{PID: 11, Comm: "weston", UID: 1000, User: "dev", Unit: "session-3.scope", Session: "3", Graphics: true, BusyPercent: 1}
	game := facts.Holder{PID: 12, Comm: "doom", UID: 1000, User: "dev", Unit: "session-3.scope", Session: "3", Graphics: true, BusyPercent: 82}
	train := facts.Holder{PID: 13, Comm: "python3", UID: 1000, User: "dev", Unit: "user@1000.service", UserUnit: "run-1.service", Compute: true, BusyPercent: 99}
	vllm := facts.Holder{PID: 14, Comm: "vllm", UID: 990, Unit: "vllm.service", Compute: true, BusyPercent: 90}
	other := facts.Holder{PID: 15, Comm: "Xorg", UID: 1001, User: "ann", Unit: "session-5.scope", Session: "5", Graphics: true, BusyPercent: 0}
	xorg := facts.Holder{PID: 16, Comm: "Xorg", UID: 0, User: "root", Unit: "lightdm.service", Graphics: true, BusyPercent: 0}
	unmeasured := func(h facts.Holder) facts.Holder { h.BusyPercent = -1; return h }
	dev := func(busy int, h ...facts.Holder) facts.GPU {
		return facts.GPU{Name: "gpu0", PCI: "0000:01:00.0", BusyPercent: busy, Holders: h}
	}
	gpus := func(list ...facts.GPU) facts.Facts { return facts.Facts{GPUs: facts.GPUs{List: list}} }
	ends := []fsm.Session{{ID: "3", UID: 1000, User: "dev", Scope: "session-3.scope"}}
	alias := gpus(dev(0, xorg))
	alias.Units.List = []facts.Unit{{Name: "display-manager.service", ID: "lightdm.service", Active: "active"}}
	suspended := dev(0, train)
	suspended.Suspended = true
	forever := dev(-1, unmeasured(weston))
	forever.Forever, forever.Unmeasured = true, "the driver has no counters"
	silent := dev(-1, unmeasured(weston))
	silent.Unmeasured = "NVML: library not found"
	half := gpus(dev(0, game))
	half.GPUs.Unknown = "descriptors of 3 processes cannot be read"
	blind := gpus(dev(0, weston))
	blind.GPUs.Unknown = "descriptors of 3 processes cannot be read"

	golden(t, "gpu", []verdict{
		{name: "an idle GPU passes", facts: gpus(dev(0)), ends: ends},
		{name: "the compositor of a session that ends passes", facts: gpus(dev(4, weston, shell)), ends: ends},
		{name: "strict denies it", params: `{"strict":true}`, facts: gpus(dev(4, weston)), ends: ends},
		{name: "a game denies", facts: gpus(dev(83, weston, game)), ends: ends},
		{name: "a game passes a patient guard", params: `{"busy-percent":90}`, facts: gpus(dev(83, weston, game)), ends: ends},
		{name: "a training run denies, in a session that ends too", facts: gpus(dev(99, weston, train)), ends: ends},
		{name: "compute that the plan stops passes", facts: gpus(dev(90, vllm)), ends: ends, units: []string{"vllm.service"}},
		{name: "the same compute denies when nobody stops it", facts: gpus(dev(90, vllm)), ends: ends},
		{name: "a user's unit of the plan's name does not pass", facts: gpus(dev(99, facts.Holder{PID: 9, Comm: "miner", Unit: "user@1000.service", UserUnit: "vllm.service", Compute: true})), ends: ends, units: []string{"vllm.service"}},
		{name: "another user's session denies", facts: gpus(dev(4, weston, other)), ends: ends},
		{name: "a unit is known by its alias", facts: alias, units: []string{"display-manager.service"}},
		{name: "a unit to be ignored is", params: `{"ignore-units":["lightdm.service"]}`, facts: gpus(dev(0, xorg))},
		{name: "a suspended GPU is free", facts: gpus(suspended)},
		{name: "a driver without counters warns", facts: gpus(forever), ends: ends},
		{name: "a driver that should count and does not is unknown", facts: gpus(silent), ends: ends},
		{name: "a calm device has calm holders", facts: gpus(dev(5, unmeasured(weston))), ends: ends},
		{name: "a busy device has a busy holder", facts: gpus(dev(70, unmeasured(weston))), ends: ends},
		{name: "a busy device that is shared is unknown", facts: gpus(dev(70, unmeasured(weston), unmeasured(vllm))), ends: ends, units: []string{"vllm.service"}},
		{name: "a managed holder's own figure explains it", facts: gpus(dev(92, unmeasured(weston), vllm)), ends: ends, units: []string{"vllm.service"}},
		{name: "a pod is named", facts: gpus(dev(9, facts.Holder{PID: 9, Comm: "python3", Unit: "cri-containerd-1.scope", Pod: "ml/train-0", Compute: true}))},
		{name: "GPUs that are not seen are unknown", facts: facts.Facts{GPUs: facts.GPUs{Part: dark}}, ends: ends},
		{name: "what is seen of half the processes denies", facts: half, ends: ends},
		{name: "half the processes are not enough to pass", facts: blind, ends: ends},
	})
}
