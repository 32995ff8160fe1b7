// Command moded is the daemon: the brain that owns the machine's mode.
//
// This package is the only place where everything meets. It parses flags,
// chooses between the real machine and the simulated one, wires engine, bus and
// log together, and turns what happens into exit codes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/internal/version"
)

// Exit codes. busLost is EX_TEMPFAIL: systemd starts us again.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitBusLost = 75
)

// options are the command line's.
type options struct {
	bus        string
	runtimeDir string
	stateDir   string
	config     fileList
	check      bool
	simulated  bool
	speed      float64
	debug      bool
	version    bool
}

type fileList []string

func (f *fileList) String() string     { return strings.Join(*f, ",") }
func (f *fileList) Set(v string) error { *f = append(*f, v); return nil }

const usage = `moded is the daemon that owns the mode of this workstation. Ask it with modectl.

Usage:
  moded [flags]                 run the daemon (systemd does this: moded.service)
  moded --check [FILE...]       check the configuration, or these files over the embedded default
  moded simulate COMMAND...     tell a running simulated machine what happens; "help" lists the commands
                                (the one of --runtime-dir, or of MODED_RUNTIME_DIR)

Flags:
`

// maxProcs is how many threads compute at most: there is little to do side by
// side, and more of them than CPUs wake each other up in vain.
const maxProcs = 2

func main() {
	runtime.GOMAXPROCS(min(maxProcs, runtime.GOMAXPROCS(0)))
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	o, flags := parse(stderr)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	rest := flags.Args()
	switch {
	case o.version:
		fmt.Fprintf(stdout, "moded %s\n", version.Version)
		return exitDone
	case o.check:
		return check(append(o.config, rest...), stdout, stderr)
	case len(rest) > 0 && rest[0] == "simulate":
		return control(simulatedAt(o.runtimeDir), rest[1:], stdout, stderr)
	case len(rest) > 0:
		fmt.Fprintf(stderr, "moded: unknown command %q; moded --help lists what there is\n", rest[0])
		return exitUsage
	}
	return serve(*o, stderr)
}

func parse(stderr io.Writer) (*options, *flag.FlagSet) {
	o := &options{}
	flags := flag.NewFlagSet("moded", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.bus, "bus", "system", "the bus: system, or the `ADDRESS` of another one")
	flags.StringVar(&o.runtimeDir, "runtime-dir", runtimeDir, "where what dies with the boot is kept")
	flags.StringVar(&o.stateDir, "state-dir", "/var/lib/moded", "where ids and history are kept")
	flags.Var(&o.config, "config", "a configuration `FILE` in place of those in /usr/share/moded and /etc/moded; may be repeated")
	flags.BoolVar(&o.check, "check", false, "check the configuration and exit")
	flags.BoolVar(&o.simulated, "simulate", false, "own a simulated machine instead of this one")
	flags.Float64Var(&o.speed, "simulate-speed", 1, "how much faster than life the simulated machine is")
	flags.BoolVar(&o.debug, "debug", false, "log what developers want to know")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	return o, flags
}

// address turns the --bus flag into a D-Bus address.
func (o options) address() string {
	if o.bus == "system" {
		return server.SystemBus
	}
	return o.bus
}

// runtimeDir is where what dies with the boot is kept, if nobody says otherwise.
const runtimeDir = "/run/moded"

// simulatedAt is the runtime directory of the simulated machine that is meant:
// make run prints it for the environment. The daemon takes no notice of that.
func simulatedAt(dir string) string {
	if said := os.Getenv("MODED_RUNTIME_DIR"); dir == runtimeDir && said != "" {
		return said
	}
	return dir
}

// control sends one line to a running simulated machine.
func control(dir string, words []string, stdout, stderr io.Writer) int {
	if len(words) == 0 {
		words = []string{"help"}
	}
	answer, err := simulate.Control(dir, strings.Join(words, " "))
	if err != nil {
		fmt.Fprintf(stderr, "moded: %v (is moded --simulate --runtime-dir=%s running?)\n", err, filepath.Clean(dir))
		return exitFailed
	}
	fmt.Fprintln(stdout, strings.TrimRight(answer, "\n"))
	return exitDone
}

// serve runs the daemon until it is told to end.
func serve(o options, stderr io.Writer) int {
	d, err := assemble(context.Background(), o)
	if err == nil {
		err = d.run()
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errBusLost):
		fmt.Fprintf(stderr, "moded: %v\n", err)
		return exitBusLost
	default:
		fmt.Fprintf(stderr, "moded: %v\n", err)
		return exitFailed
	}
}
