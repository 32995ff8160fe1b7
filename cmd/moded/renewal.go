package main

import (
	"os"
	"path/filepath"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/modectl/moded/pkg/fsm"
)

// renewal ends the daemon as soon as nothing is under way, so that systemd
// starts the one that an upgrade has put in its place. A restart would not wait:
// it takes an open transition back.
type renewal struct {
	wanted atomic.Bool
	due    chan struct{}
}

func newRenewal() *renewal { return &renewal{due: make(chan struct{}, 1)} }

// Changed looks again whenever a transition or what followed it may be over.
func (r *renewal) Changed(s fsm.State) {
	if r.wanted.Load() && s.Open == nil {
		r.look()
	}
}

func (r *renewal) look() {
	select {
	case r.due <- struct{}{}:
	default: // it is due already
	}
}

// Started and the others are no news: Changed follows each of them.
func (*renewal) Started(fsm.Transition)             {}
func (*renewal) StepChanged(uint32, int, fsm.Step)  {}
func (*renewal) Finished(fsm.Transition)            {}
func (*renewal) ModeChanged(string, string, uint32) {}

// renew begins to wait for a moment at which nothing is under way.
func (d *daemon) renew() {
	d.renewal.wanted.Store(true)
	d.renewal.look()
	if s := d.engine.State(); s.Open != nil {
		d.log.Info("starting anew when the transition is over", zap.Uint32("id", s.Open.ID))
	}
}

// adoptFile is put into the runtime directory by who has just installed moded:
// nothing on the machine is to change, although it may have booted a moment ago.
const adoptFile = "adopt"

// installed tells whether this is the first start after an installation.
func (d *daemon) installed() bool {
	return os.Remove(filepath.Join(d.o.runtimeDir, adoptFile)) == nil
}
