package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// theWindow is how long the probe waits, on purpose, between its two looks at
// what is used. It is no cost: nothing runs meanwhile.
const theWindow = 200 * time.Millisecond

// guardSet are the guards of examples/workstation.toml from desktop to compute,
// without REAPER's web interface, which is not the probe's.
func guardSet() []fsm.GuardSpec {
	return []fsm.GuardSpec{
		{Name: "audio-idle", Kind: "audio"},
		{Name: "daw-inactive", Kind: "daw", Params: fsm.Value(`{"programs":["reaper","ardour","bitwig-studio"]}`)},
		{Name: "gpu-free", Kind: "gpu", Params: fsm.Value(`{"busy-percent":20,"window":"10s"}`)},
		{Name: "cpu-load", Kind: "load", Params: fsm.Value(`{"window":"5m","max-per-cpu":0.5}`)},
		{Name: "user-jobs", Kind: "user-jobs", Params: fsm.Value(`{"builds":true}`)},
		{Name: "memory", Kind: "memory", Params: fsm.Value(`{"floor":"4GiB"}`)},
	}
}

// asker asks moded-probe and remembers how long that took.
type asker struct {
	client *probe.Client
	asked  probe.Question
	took   time.Duration
	answer probe.Answer
	err    error
}

// Ask implements the Probe of eyes.Sources. NVIDIA's library is left out where
// there is its driver: it takes as long as it takes, in a process of its own.
func (a *asker) Ask(ctx context.Context, q probe.Question) (probe.Answer, error) {
	if _, err := os.Stat("/proc/driver/nvidia"); err == nil {
		q.NVML = false
	}
	began := time.Now()
	a.answer, a.err = a.client.Ask(ctx, q)
	a.asked, a.took = q, time.Since(began)
	return a.answer, a.err
}

// quiet are the sources that the brain has in memory or asks of logind: what an
// agent reported of a user who plays nothing, one who is logged in, no
// inhibitor, no hold.
type quiet struct{}

func (quiet) Audio() []facts.AudioUser {
	return []facts.AudioUser{{UID: uint32(os.Getuid()), Running: true}}
}

func (quiet) Facts(context.Context) facts.Sessions {
	return facts.Sessions{List: []facts.Session{{ID: "1", UID: uint32(os.Getuid()), Class: "user", Type: "wayland"}}}
}

func (quiet) Inhibitors(context.Context) facts.Inhibitors { return facts.Inhibitors{} }
func (quiet) Holds() []facts.Hold                         { return nil }

// judge has guards judged as the daemon does, with the probe for real.
func judge(ctx context.Context, a *asker, specs []fsm.GuardSpec) ([]fsm.Verdict, error) {
	src := eyes.Sources{Probe: a, Audio: quiet{}, Sessions: quiet{}, Inhibitors: quiet{}, Holds: quiet{}}
	verdicts := guards.New(eyes.New(src)).Judge(ctx, fsm.Question{Guards: specs, From: "desktop", To: "compute", Fresh: true}).Verdicts
	for _, v := range verdicts {
		if v.Code == "guard-broken" {
			return nil, fmt.Errorf("cannot ask the guard %s: %s", v.Guard, v.Summary)
		}
	}
	return verdicts, a.err
}

// eye is moded-probe with a socket of its own.
type eye struct {
	cmd    *exec.Cmd
	client *probe.Client
	socket string
}

func openEye(ctx context.Context, bin, dir string, idle time.Duration) (*eye, error) {
	e := &eye{socket: filepath.Join(dir, fmt.Sprintf("probe-%d", time.Now().UnixNano()))}
	e.client = probe.NewClient(e.socket, "bench")
	e.cmd = exec.Command(filepath.Join(bin, "moded-probe"), "--listen="+e.socket, "--idle="+idle.String())
	e.cmd.Stderr = os.Stderr
	mortal(e.cmd)
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start moded-probe: %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; pause() {
		_, err := e.client.Ask(ctx, probe.Question{Load: true})
		if err == nil {
			return e, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			e.shut()
			return nil, fmt.Errorf("moded-probe does not answer: %w", err)
		}
	}
}

func (e *eye) shut() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}

// used is the probe's processor time.
func (e *eye) used() (time.Duration, error) { return used(e.cmd) }

// used is the processor time that a process has used so far; children that have
// ended are not in it.
func used(cmd *exec.Cmd) (time.Duration, error) {
	var t unix.Timespec
	// clock_getcpuclockid(3): the process's clock that counts its scheduled time.
	if err := unix.ClockGettime(int32(^cmd.Process.Pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("cannot read the processor time of %s: %w", filepath.Base(cmd.Path), err)
	}
	return time.Duration(t.Nano()), nil
}
