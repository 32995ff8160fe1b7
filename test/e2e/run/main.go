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
	config := flag.String("config", "", "configuration `FILE`; the simulated machine has one of its own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, stage.Options{Bin: *bin, Speed: *speed, Config: *config, Log: os.Stderr}); err != nil {
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
	modectl, moded := filepath.Join(s.Bin, "modectl"), filepath.Join(s.Bin, "moded")
	fmt.Printf(`moded runs on a simulated machine. In another terminal:

  export MODECTL_BUS='%s'
  %s status
  %s plan compute
  %s switch studio
  busctl --address="$MODECTL_BUS" introspect org.modectl.Manager1 /org/modectl/Manager1

The machine does what you tell it:

  %[5]s --runtime-dir=%[6]s simulate take start
  %[5]s --runtime-dir=%[6]s simulate fail unit start ai.service
  %[5]s --runtime-dir=%[6]s simulate help

Ctrl-C ends it all.
`, s.Bus, modectl, modectl, modectl, moded, s.Runtime)
}
