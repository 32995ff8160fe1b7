package main

import (
	"context"
	"time"

	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// workloads are the services of the configuration in force that compute for
// others.
func (d *daemon) workloads() eyes.Workloads {
	cfg := d.config()
	var w eyes.Workloads
	for _, v := range cfg.VLLM {
		w.VLLM = append(w.VLLM, facts.VLLMServer{Name: v.Name, Unit: v.Unit, URL: v.URL})
	}
	if cfg.K3s != nil {
		w.K3s, w.Node = cfg.K3s.Unit, cfg.K3s.Node
	}
	return w
}

// holdingEyes see the daemon's holds too: those are real on a simulated machine.
type holdingEyes struct {
	guards.Eyes
	holds interface{ Holds() []facts.Hold }
}

// Look implements guards.Eyes.
func (e holdingEyes) Look(ctx context.Context, n guards.Needs, fresh bool) *facts.Facts {
	f := *e.Eyes.Look(ctx, n, fresh)
	f.Holds = facts.Holds{Part: facts.Part{At: time.Now()}, List: e.holds.Holds()}
	return &f
}
