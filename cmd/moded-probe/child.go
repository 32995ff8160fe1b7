package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

const (
	maxReport = 1 << 20 // how much a child may say
	maxSaid   = 4096    // how much of its complaints is kept
)

// child asks NVIDIA's library in a process of its own, which may break or never
// come back. One that hangs in the kernel cannot be killed: it is left behind,
// and no other is started until it has gone.
type child struct {
	argv     []string
	deadline time.Duration
	stuck    atomic.Bool
	// launch is run, but in tests of what cannot be killed.
	launch func(ctx context.Context, args []string) (look.Report, error)
}

func newChild(deadline time.Duration, argv ...string) *child {
	c := &child{argv: argv, deadline: deadline}
	c.launch = c.run
	return c
}

// ask returns what the library says of the devices, or why nothing is known.
func (c *child) ask(ctx context.Context, window time.Duration, pci []string) (look.Report, error) {
	return c.call(ctx, append([]string{"--window=" + max(window, time.Second).String(), "nvml"}, pci...))
}

// settings is ask for what the devices are set to.
func (c *child) settings(ctx context.Context, pci []string) (look.Report, error) {
	return c.call(ctx, append([]string{"settings"}, pci...))
}

func (c *child) call(ctx context.Context, args []string) (look.Report, error) {
	if !c.stuck.CompareAndSwap(false, true) {
		return look.Report{}, errors.New("an earlier call has not come back")
	}
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	type result struct {
		r   look.Report
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		r, err := c.launch(ctx, args)
		c.stuck.Store(false)
		done <- result{r, err}
	}()
	select {
	case r := <-done:
		return r.r, r.err
	case <-ctx.Done():
	}
	select { // it may have been killed in time to say why
	case r := <-done:
		return r.r, r.err
	case <-time.After(c.deadline / 10):
		return look.Report{}, fmt.Errorf("no answer within %v", c.deadline)
	}
}

func (c *child) run(ctx context.Context, args []string) (look.Report, error) {
	text, err := output(ctx, c.deadline, append(c.argv[:len(c.argv):len(c.argv)], args...), nil)
	if err != nil {
		return look.Report{}, err
	}
	r, err := look.DecodeReport(text)
	if err != nil {
		return look.Report{}, fmt.Errorf("cannot understand the answer: %w", err)
	}
	return r, nil
}

// output is what a child prints that is given a text. deadline is that of ctx,
// for its words.
func output(ctx context.Context, deadline time.Duration, argv []string, input []byte) ([]byte, error) {
	// The kernel sends Pdeathsig when the thread ends that forked.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	out, said := &capped{limit: maxReport}, &capped{limit: maxSaid, silent: true}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("no answer within %v", deadline)
	case err != nil && bytes.Contains(said.b.Bytes(), []byte("undefined symbol")):
		return nil, errors.New("the driver's library lacks a function")
	case err != nil:
		return nil, broken(err, said.b.String())
	}
	return out.b.Bytes(), nil
}

// broken says how a child ended, with the first thing that it complained of: a
// crash in the library is Go's to tell.
func broken(err error, said string) error {
	if line, _, _ := strings.Cut(said, "\n"); line != "" {
		return fmt.Errorf("the call broke: %w: %s", err, facts.Clean(line))
	}
	return fmt.Errorf("the call broke: %w", err)
}

// environment is the child's: where the driver's library is found, and nothing
// else. LD_BIND_NOW above all would keep it from starting.
func environment() []string {
	env := []string{}
	if path, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		env = append(env, "LD_LIBRARY_PATH="+path)
	}
	return env
}

// capped keeps what is written up to a limit, and fails then; a silent one drops
// the rest.
type capped struct {
	b      bytes.Buffer
	limit  int
	silent bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := c.limit - c.b.Len()
	if len(p) <= room {
		return c.b.Write(p)
	}
	if !c.silent {
		return 0, errors.New("too much output")
	}
	c.b.Write(p[:room])
	return len(p), nil
}
