// Run starts moded on a simulated machine and a private bus, says how to talk
// to it, and stays until Ctrl-C. Nothing is left behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/modectl/moded/test/e2e/stage"
)

func main() {
	bin := flag.String("bin", "", "use moded and modectl of this `DIRECTORY` rather than building them")
	speed := flag.Float64("speed", 1, "how fast the simulated machine is")
	var config []string
	flag.Func("config", "configuration `FILE`, may be repeated; the simulated machine has one of its own", func(file string) error {
		config = append(config, file)
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, stage.Options{Bin: *bin, Speed: *speed, Config: config, Log: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o stage.Options) (err error) {
	s, err := stage.New(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	daemon, err := s.Start(ctx)
	if err != nil {
		return err
	}
	help(s)
	select {
	case <-daemon.Gone():
		return errors.New("moded ended by itself")
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return daemon.Stop(limit)
}

func help(s *stage.Stage) {
	bin, err := filepath.Abs(s.Bin)
	if err != nil {
		bin = s.Bin
	}
	fmt.Printf(`moded runs on a simulated machine. In another terminal:

  export MODECTL_BUS='%s' MODED_RUNTIME_DIR='%s' PATH="%s:$PATH"
  modectl status
  modectl plan compute
  modectl switch studio
  busctl --address="$MODECTL_BUS" introspect org.modectl.Manager1 /org/modectl/Manager1

The machine does what you tell it:

  moded simulate take start
  moded simulate fail unit start ai.service
  moded simulate help

Ctrl-C ends it all.
`, s.Bus, s.Runtime, bin)
}
