package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/simulate"
)

// check reads the configuration as the daemon would and says what is wrong, a
// problem a line.
func check(files []string, stdout, stderr io.Writer) int {
	o := config.Options{}
	if len(files) > 0 {
		o.Files = files
	}
	cfg, err := config.Load(o)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stdout, "warning: %v\n", w)
	}
	fmt.Fprintf(stdout, "ok: %d modes, %d edges, default %s\n",
		len(cfg.Catalog.Modes()), len(cfg.Catalog.Edges()), cfg.Catalog.Default())
	return exitDone
}

// load reads the configuration in force. A bad one never displaces a good one:
// without the last good one there is the embedded default, so that a machine
// with a broken file still has a daemon that says so.
func load(o options) (cfg *config.Config, problem error, err error) {
	cfg, problem = read(o)
	if problem == nil {
		if err := config.SaveLastGood(o.stateDir, cfg); err != nil {
			problem = fmt.Errorf("cannot keep the last good configuration: %w", err)
		}
		return cfg, problem, nil
	}
	cfg, err = config.LoadLastGood(o.stateDir)
	if err == nil {
		return cfg, fmt.Errorf("the configuration is not used, the last good one is: %w", problem), nil
	}
	cfg, err = config.Compile([]config.Source{config.Default()})
	return cfg, fmt.Errorf("the configuration is not used, the embedded default is: %w", problem), err
}

// read reads the files that the options name.
func read(o options) (*config.Config, error) {
	if o.simulated && len(o.config) == 0 {
		source := config.Source{Name: filepath.Join("embedded:", "simulated.toml"), Text: string(simulate.Config())}
		return config.Compile([]config.Source{source})
	}
	co := config.Options{Trust: o.bus == "system"}
	if len(o.config) > 0 {
		co.Files = o.config
	}
	return config.Load(co)
}

// oneLine is the first problem of a configuration, for a place with room for
// one.
func oneLine(err error) string {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) && len(many.Unwrap()) > 0 {
		return many.Unwrap()[0].Error()
	}
	return err.Error()
}
