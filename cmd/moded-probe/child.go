package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/modectl/moded/internal/probe/look"
)

// maxReport is how much a child may say.
const maxReport = 1 << 20

// child asks NVIDIA's library in a process of its own, which may break or never
// come back. One that hangs in the kernel cannot be killed: it is left behind,
// and no other is started until it has gone.
type child struct {
	argv     []string
	deadline time.Duration
	stuck    atomic.Bool
}

// ask returns what the library says of the devices, or why nothing is known.
func (c *child) ask(ctx context.Context, window time.Duration, pci []string) (look.Report, error) {
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
		r, err := c.run(ctx, append([]string{"--window=" + max(window, time.Second).String(), "nvml"}, pci...))
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
	// The kernel sends Pdeathsig when the thread ends that forked.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, c.argv[0], append(c.argv[1:], args...)...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	out := &capped{limit: maxReport}
	said := &capped{limit: 4096}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return look.Report{}, fmt.Errorf("no answer within %v", c.deadline)
	case err != nil && bytes.Contains(said.b.Bytes(), []byte("undefined symbol")):
		return look.Report{}, errors.New("the driver's library lacks a function")
	case err != nil:
		return look.Report{}, fmt.Errorf("the call broke: %w", err)
	}
	var r look.Report
	dec := json.NewDecoder(&out.b)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return look.Report{}, fmt.Errorf("cannot understand the answer: %w", err)
	}
	return r, nil
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

// capped keeps what is written up to a limit and fails then.
type capped struct {
	b     bytes.Buffer
	limit int
}

func (c *capped) Write(p []byte) (int, error) {
	if c.b.Len()+len(p) > c.limit {
		return 0, errors.New("too much output")
	}
	return c.b.Write(p)
}
