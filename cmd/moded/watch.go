package main

import (
	"context"
	"encoding/json"
	"slices"

	"go.uber.org/zap"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// watch begins to watch for what moves the machine by itself. A machine whose
// news cannot be heard serves all the same, and says so.
func (d *daemon) watch(ctx context.Context) {
	if err := d.machine.listen(ctx, d.watcher.Tell); err != nil {
		d.log.Warn("triggers are deaf", zap.Error(err))
		d.engine.Degrade("nothing begins by itself: "+err.Error(), false)
	}
	go d.watcher.Run(ctx, d.engine)
	go d.keep(ctx)
}

// keep has PID 1 remember the units of all modes.
func (d *daemon) keep(ctx context.Context) {
	if d.machine.keep == nil {
		return
	}
	cfg := d.config()
	d.machine.keep(ctx, unitsOf(cfg, cfg.Catalog.Modes()...))
}

// unitsOf names the units that the modes own, and those of the services that the
// configuration knows, whoever runs them.
func unitsOf(cfg *config.Config, modes ...fsm.Mode) []string {
	units := config.OwnedUnits(modes...)
	for _, v := range cfg.VLLM {
		units = append(units, v.Unit)
	}
	if cfg.K3s != nil {
		units = append(units, cfg.K3s.Unit)
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// triggers is what the configuration in force says of them in that mode.
func (d *daemon) triggers(mode string) triggers.Settings {
	cfg := d.config()
	s := triggers.Settings{IdleAfter: cfg.Idle.After, IdleSessions: cfg.Idle.Sessions, Correct: cfg.Drift == config.CorrectDrift}
	m, ok := cfg.Catalog.Mode(mode)
	if !ok {
		return s
	}
	s.Units = unitsOf(cfg, m)
	for _, setting := range m.Settings {
		if setting.Kind == "audio" {
			var want struct {
				State string `json:"state"`
			}
			s.Sound = json.Unmarshal([]byte(setting.Value), &want) == nil && (want.State == "on" || want.State == "realtime")
		}
	}
	return s
}

// watched is the real machine as triggers see it. tell is set before anything
// listens.
type watched struct {
	*host.Manager
	logind host.Logind
	agents interface{ Audio() []facts.AudioUser }
	units  *host.UnitNews
	tell   func(triggers.News)
}

func newWatched(m *host.Manager, logind host.Logind, agents interface{ Audio() []facts.AudioUser }) *watched {
	w := &watched{Manager: m, logind: logind, agents: agents}
	w.units = host.NewUnitNews(m, func(unit string) {
		switch unit {
		case host.PressureUnit:
			w.tell(triggers.Pressure)
		case "": // anything
			w.tell(triggers.Pressure | triggers.Units)
		default:
			w.tell(triggers.Units)
		}
	})
	return w
}

// Sessions implements triggers.Machine.
func (w *watched) Sessions(ctx context.Context) facts.Sessions { return w.logind.Facts(ctx) }

// Audio implements triggers.Machine.
func (w *watched) Audio() []facts.AudioUser { return w.agents.Audio() }

// Follow implements triggers.Machine.
func (w *watched) Follow(units []string) { w.units.Follow(append(units, host.PressureUnit)) }
