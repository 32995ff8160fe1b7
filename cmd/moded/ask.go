package main

import (
	"context"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/facts"
)

// What the server asks of the daemon beside the engine. The machine is made
// after the server, because the users' agents are hands of it.

func (d *daemon) resources(ctx context.Context) (*facts.Facts, error) {
	return d.machine.eyes.Look(ctx, d.resourceNeeds(), false), nil
}

func (d *daemon) interactive(ctx context.Context) ([]uint32, error) {
	return d.machine.interactive(ctx)
}

func (d *daemon) audioServers(ctx context.Context) ([]uint32, error) {
	return d.machine.audioServers(ctx)
}

func (d *daemon) config() *config.Config {
	d.cfgMu.Lock()
	defer d.cfgMu.Unlock()
	return d.cfg
}

// reload reads the configuration again. A bad one changes nothing but what is
// said in Degraded; a good one that the engine cannot take now is refused.
func (d *daemon) reload(context.Context) error {
	d.cfgMu.Lock()
	defer d.cfgMu.Unlock()
	cfg, err := read(d.o)
	if err != nil {
		d.complain(err)
		return err
	}
	if err := d.engine.Reload(cfg.Catalog); err != nil {
		return err
	}
	d.cfg = cfg
	d.complain(config.SaveLastGood(d.o.stateDir, cfg))
	d.watcher.Tell(triggers.Reloaded)
	go d.keep(context.Background())
	d.log.Info("configuration reloaded")
	return nil
}
