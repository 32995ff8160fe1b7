// Command moded-tune holds the kernel's knobs that low-latency audio wants while
// it lives; moded-tune.service is started and stopped by moded.
//
//	moded-tune hold      turn the knobs and hold them until a signal
//	moded-tune restore   put back what a former hold turned (ExecStopPost=)
//	moded-tune pressure  tell systemd when memory becomes short (moded-pressure.service)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/psi"
	"github.com/modectl/moded/internal/server/frame"
	"github.com/modectl/moded/internal/tune"
	"github.com/modectl/moded/internal/version"
)

// askProfiles is how long the owner of power profiles may take.
const askProfiles = 5 * time.Second

const usage = `moded-tune turns the kernel's knobs for low-latency audio; moded-tune.service
is how it is started.

Usage:
  moded-tune [flags] hold      turn the knobs and hold them until a signal
  moded-tune [flags] restore   put back what a former hold turned
  moded-tune [flags] pressure  tell systemd when memory becomes short, and when
                               it is free again, until a signal

Flags:
`

func main() {
	fs := flag.NewFlagSet("moded-tune", flag.ExitOnError)
	state := fs.String("state", "/run/moded-tune/state.json", "`FILE` that keeps what the knobs were")
	latency := fs.Int("latency", 0, "longest wake-up from an idle state, in `µs`")
	swappiness := fs.Int("swappiness", 10, "highest vm.swappiness")
	stall := fs.Duration("stall", 200*time.Millisecond, "how long some task must wait for memory within the window")
	window := fs.Duration("window", 2*time.Second, "`TIME` in which it must; a multiple of 2s, up to 10s")
	show := fs.Bool("version", false, "print the version and exit")
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		fs.PrintDefaults()
	}
	_ = fs.Parse(os.Args[1:]) // it exits by itself
	if *show {
		fmt.Println(version.Version)
		return
	}
	m := tune.Machine{Root: "/", State: *state}
	var err error
	switch fs.Arg(0) {
	case "hold":
		err = hold(m, *latency, *swappiness)
	case "restore":
		err = m.Restore()
	case "pressure":
		err = pressure(psi.Trigger{Stall: *stall, Window: *window})
	default:
		err = errors.New("say hold, restore or pressure")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "moded-tune:", err)
		os.Exit(1)
	}
}

func hold(m tune.Machine, latency, swappiness int) error {
	if latency < 0 || latency > 1_000_000 || swappiness < 0 || swappiness > 200 {
		return errors.New("latency is 0 to 1000000 µs, swappiness 0 to 200")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A machine without a system bus has nobody who owns power profiles. The guard
	// is there because anybody may send us signals: one of the largest size would
	// take all the memory that the unit has, and the tuning with it.
	if conn, _, err := frame.Dial(ctx, frame.SystemBus(), frame.Limits{}, nil, dbus.WithContext(ctx)); err == nil {
		defer conn.Close()
		profiles := tune.PowerProfiles{Conn: conn}
		m.Profiles = patient{profiles}
		note := func(err error) { fmt.Fprintln(os.Stderr, "moded-tune: cannot hold a power profile:", err) }
		kept := make(chan struct{})
		go func() {
			defer close(kept)
			if err := profiles.Keep(ctx, note); err != nil {
				note(err) // what is held stays held
			}
		}()
		defer func() { stop(); <-kept }()
	}
	return m.Hold(ctx, tune.Order{Latency: int32(latency), Swappiness: swappiness}, func(status string) error {
		_, err := daemon.SdNotify(false, daemon.SdNotifyReady+"\nSTATUS="+status)
		return err
	})
}

// pressure waits for the kernel, and has nothing to do until it speaks.
func pressure(t psi.Trigger) error {
	if t.Stall <= 0 || t.Stall > t.Window {
		return errors.New("stall is more than nothing and at most the window")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return psi.Watch(ctx, "/proc/pressure/memory", t, func(short bool) error {
		status := psi.Free
		if short {
			status = fmt.Sprintf("%s: some task waited for %v of %v", psi.Short, t.Stall, t.Window)
		}
		_, err := daemon.SdNotify(false, daemon.SdNotifyReady+"\nSTATUS="+status)
		return err
	})
}

// patient bounds the one question to the owner of power profiles.
type patient struct{ tune.Profiles }

func (p patient) Hold(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askProfiles)
	defer cancel()
	return p.Profiles.Hold(ctx)
}
