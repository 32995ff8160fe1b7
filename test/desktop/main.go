// Command desktop shows moded's applets in the desktops that they are for: the
// real shell, headless in a Debian of its own, with the real moded on a simulated
// machine on that system's bus. `make desktop-test` calls it.
//
//	go run ./test/desktop [-face gnome|plasma|all] [-check TEXT] [-out DIR] [-report FILE]
//
// It prints a line per check, keeps screenshots and logs in DIR, and writes one
// report. The exit code is 0 only if every check passed.
//
// The host's side builds a Debian for each face, once, and lays what `make
// install` installs over it. Then it starts itself inside, in namespaces of its
// own, where it is PID 1: whatever it starts ends with it. What it writes there
// is in memory; the Debian in the cache stays as it was.
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

	"github.com/modectl/moded/test/debian"
)

// options are the flags.
type options struct {
	face, check string
	out, report string
	inside      bool
}

// tools are the programs that the host needs.
var tools = []debian.Tool{
	{Program: "mmdebstrap", Packages: "mmdebstrap"},
	{Program: "unshare", Packages: "util-linux"},
	{Program: "make", Packages: "make"},
}

func main() {
	var o options
	flag.StringVar(&o.face, "face", "all", "the desktop: "+faceNames()+" or all")
	flag.StringVar(&o.check, "check", "", "run only checks whose name has this `TEXT` in it; bars separate several")
	flag.StringVar(&o.out, "out", "build/desktop", "where screenshots and logs go")
	flag.StringVar(&o.report, "report", "build/desktop-report.json", "where the report goes")
	flag.BoolVar(&o.inside, "inside", false, "the command starts itself so, as PID 1 of the system under test")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	act := desktopTest
	if o.inside {
		act = insideTest
	}
	ok, err := act(ctx, o)
	if err != nil {
		say("%v", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// say prints one line for the person who waits.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "desktop: "+format+"\n", args...)
}

// desktopTest runs everything and says whether all passed.
func desktopTest(ctx context.Context, o options) (bool, error) {
	start := time.Now()
	wanted, err := chooseFaces(o.face)
	if err != nil {
		return false, err
	}
	if os.Geteuid() != 0 {
		return false, errors.New("cannot enter a system of its own without root; run it as: sudo -E env PATH=\"$PATH\" make desktop-test")
	}
	if err := debian.EnsureTools(ctx, tools); err != nil {
		return false, err
	}
	out, err := filepath.Abs(o.out)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return false, err
	}
	unlock, err := debian.Lock(filepath.Join(out, "lock"), syscall.LOCK_NB)
	if err != nil {
		return false, fmt.Errorf("cannot use %s: another run is there (say -out DIR for one beside it): %w", out, err)
	}
	defer unlock()
	s, err := newStage(ctx, ".", filepath.Join(out, "stage"))
	if err != nil {
		return false, err
	}
	var results []result
	for _, f := range wanted {
		results = append(results, s.show(ctx, f, filepath.Join(out, f.name()), o.check)...)
	}
	return finish(o.report, results, time.Since(start))
}
