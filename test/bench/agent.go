package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/probe"
)

// agentAtRest watches a moded-agent that is registered with the daemon and
// follows a PipeWire through which nobody plays.
func (s *scene) agentAtRest(ctx context.Context, rest time.Duration) ([]row, error) {
	pw, err := startPipewire(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	defer pw.stop()
	conn, err := dbus.Connect(s.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := (userManager{}).serve(conn); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(s.bin, "moded-agent"), "--bus="+s.address, "--state="+filepath.Join(s.dir, "agent.json"))
	// As its unit runs it (systemd/moded-agent.service), on a session bus that is
	// the system's here.
	cmd.Env = append(slices.Clone(pw.env), "GOMAXPROCS=1", "GOGC=50", "DBUS_SESSION_BUS_ADDRESS="+s.address)
	log, err := os.Create(filepath.Join(s.dir, "agent.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	mortal(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start moded-agent: %w", err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	time.Sleep(settleFirst)
	if err := follows(cmd.Process.Pid, log.Name()); err != nil {
		return nil, err
	}
	before, err := switches(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	time.Sleep(rest)
	after, err := switches(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	rss, err := rssOf(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return []row{
		budget("RSS of moded-agent at rest, following PipeWire", rss, 14, "MB"),
		budget("context switches of moded-agent at rest", float64(after-before)/rest.Minutes(), 12, "1/min"),
	}, nil
}

// follows tells whether the agent has a pw-dump: without one its rest is none.
func follows(pid int, log string) error {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return err
	}
	for _, file := range files {
		if children, err := os.ReadFile(file); err == nil && len(children) > 0 {
			return nil
		}
	}
	said, err := os.ReadFile(log)
	return errors.Join(fmt.Errorf("moded-agent does not follow PipeWire: it said\n%s", said), err)
}

// probeGoes sees that no moded-probe is left when nobody asks.
func probeGoes(ctx context.Context, bin, dir string) ([]row, error) {
	const idle = time.Second
	e, err := openEye(ctx, bin, dir, idle)
	if err != nil {
		return nil, err
	}
	defer e.shut()
	if _, err := e.client.Ask(ctx, probe.Question{Load: true, Memory: true, Audio: true}); err != nil {
		return nil, err
	}
	gone := make(chan error, 1)
	began := time.Now()
	go func() { gone <- e.cmd.Wait() }()
	left := 0.
	select {
	case err := <-gone:
		if err != nil {
			return nil, fmt.Errorf("moded-probe did not end well: %w", err)
		}
		fmt.Printf("moded-probe ended %.2f s after its last answer, with --idle %s\n", time.Since(began).Seconds(), idle)
	case <-time.After(5 * idle):
		left = 1
	}
	return []row{compare("moded-probe processes when nobody asks", left, 1, "one that stays", "processes", 0)}, nil
}
