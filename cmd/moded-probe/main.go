// Command moded-probe is the eyes of moded: it answers questions about the
// machine on a socket that PID 1 holds, and ends when nobody has asked for a
// while. See package probe for the language and package look for what is seen.
//
//	moded-probe                      answer on the socket of moded-probe.socket
//	moded-probe --listen PATH        answer on a socket of its own
//	moded-probe look [PROGRAM…]      print once all that can be seen, as JSON
//	moded-probe holders FILE         print who has a file open; --json as JSON
//	moded-probe nvml [PCI ADDRESS…]  ask NVIDIA's library; the probe's own child
//	moded-probe settings PCI ADDRESS… ask it what devices are set to; likewise
//	moded-probe apply                set up a GPU as moded ordered; moded-gpu.service
//	moded-probe obey                 do so with the order on standard input; its own child
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/internal/probe/nvml"
	"github.com/modectl/moded/internal/version"
)

// looks is how long a question may take besides NVIDIA's library.
const looks = 5 * time.Second

const usage = `moded-probe is the eyes of moded; it changes nothing but with apply.

Usage:
  moded-probe [flags]                         answer on the socket of moded-probe.socket
  moded-probe [flags] look [PROGRAM...]       print all that can be seen, as JSON
  moded-probe [flags] holders FILE            print who has a file open
  moded-probe [flags] nvml [PCI-ADDRESS...]   print what NVIDIA's library says, as JSON
  moded-probe [flags] settings PCI-ADDRESS... print what devices are set to, as JSON
  moded-probe [flags] apply                   set up a GPU as moded ordered (moded-gpu.service)
  moded-probe [flags] obey                    the same with the order on standard input

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "moded-probe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("moded-probe", flag.ExitOnError)
	listen := fs.String("listen", "", "make a socket at `PATH` instead of taking PID 1's")
	idle := fs.Duration("idle", 20*time.Second, "end after `TIME` without a question")
	window := fs.Duration("window", 10*time.Second, "over which `TIME` nvml counts the use by processes")
	root := fs.String("root", "/", "look at the machine whose /proc, /sys, /dev and /etc are below `PATH`")
	deadline := fs.Duration("nvml-deadline", 10*time.Second, "how much `TIME` NVIDIA's library may take")
	library := fs.String("nvml-library", "", "load NVIDIA's library from `PATH` instead of looking for it")
	order := fs.String("order", "/run/moded/gpu/order.json", "`FILE` with what apply is to do")
	report := fs.String("report", "/run/moded-gpu/report.json", "`FILE` for what apply has to say of it")
	show := fs.Bool("version", false, "print the version and exit")
	asJSON := fs.Bool("json", false, "print holders as JSON")
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		fs.PrintDefaults()
	}
	_ = fs.Parse(args)
	switch {
	case *show:
		fmt.Println(version.Version)
		return nil
	case fs.Arg(0) == "nvml":
		return print(nvml.Read(nvml.Open(*library), *window, fs.Args()[1:]))
	case fs.Arg(0) == "settings":
		return print(nvml.ReadSettings(nvml.Open(*library), fs.Args()[1:]))
	case fs.Arg(0) == "apply":
		return apply(ctx, *order, *report, *deadline, "/proc/self/exe", "--nvml-library="+*library)
	case fs.Arg(0) == "obey":
		return obey(os.Stdin, nvml.Open(*library))
	case fs.Arg(0) == "look":
		return print(machine(*root, *deadline, *library).Look(ctx, probe.Question{
			Load: true, Memory: true, Audio: true, Sound: true, GPUs: true, Usage: true, NVML: true, Jobs: true, Power: true,
			Window: *window, Processes: fs.Args()[1:], Patient: true,
		}))
	case fs.Arg(0) == "holders":
		return holders(ctx, os.Stdout, fs.Args()[1:], *asJSON)
	case fs.NArg() > 0:
		return fmt.Errorf("unknown command %q", fs.Arg(0))
	}
	return serve(ctx, *listen, *idle, machine(*root, *deadline, *library), *deadline+looks)
}

// machine is this one, or the one below root, with NVML in a child.
func machine(root string, deadline time.Duration, library string) *look.Machine {
	m := look.New()
	m.Root = root
	m.NVML = newChild(deadline, "/proc/self/exe", "--nvml-library="+library).ask
	m.Settings = newChild(deadline, "/proc/self/exe", "--nvml-library="+library).settings
	return m
}

func serve(ctx context.Context, path string, idle time.Duration, m *look.Machine, patience time.Duration) error {
	l, err := helper.Listen(probe.Protocol.Name, path)
	if err != nil {
		return err
	}
	s := &probe.Server{
		Protocol: probe.Protocol, Version: version.Version, Answer: m.Look,
		Idle: idle, Patience: patience, Slots: 4,
		Problem: func(err error) { fmt.Fprintln(os.Stderr, "moded-probe:", err) },
	}
	return s.Serve(ctx, l)
}

func print[T any](v T) error {
	return json.NewEncoder(os.Stdout).Encode(v)
}
