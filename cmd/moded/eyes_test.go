package main

import (
	"context"
	"reflect"
	"testing"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

func TestTheEyesAskForTheServicesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	d := &daemon{cfg: &config.Config{}}
	if got := d.workloads(); !reflect.DeepEqual(got, eyes.Workloads{}) {
		t.Errorf("of an empty configuration: %+v", got)
	}
	d.cfg = &config.Config{VLLM: []config.VLLM{{Name: "main", Unit: "vllm.service", URL: "http://127.0.0.1:8000", Model: "m"}},
		K3s: &config.K3s{Unit: "k3s.service", Node: "desk"}}
	want := eyes.Workloads{VLLM: []facts.VLLMServer{{Name: "main", Unit: "vllm.service", URL: "http://127.0.0.1:8000"}},
		K3s: "k3s.service", Node: "desk"}
	if got := d.workloads(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

type blind struct{ facts *facts.Facts }

func (b blind) Look(context.Context, guards.Needs, bool) *facts.Facts { return b.facts }

type claims []facts.Hold

func (c claims) Holds() []facts.Hold { return c }

func TestASimulatedMachineHasRealHolds(t *testing.T) {
	t.Parallel()
	seen := facts.Unseen("simulated")
	got := holdingEyes{blind{seen}, claims{{Scope: "all", Who: "ardour"}}}.Look(t.Context(), guards.Needs{}, true)
	if !got.Holds.Known() || len(got.Holds.List) != 1 || got.Load.Known() {
		t.Errorf("holds %+v, load %+v", got.Holds, got.Load)
	}
	if seen.Holds.Known() {
		t.Error("facts that were handed out have changed")
	}
}
