package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// program is something that runs until the end, its words in a log.
type program struct {
	cmd  *exec.Cmd
	log  string
	gone chan struct{}
}

// errGone ends a wait for a program that has ended.
var errGone = errors.New("it has ended")

// start starts a program; log is the name of a file in out.
func start(cmd *exec.Cmd, log string) (*program, error) {
	f, err := os.OpenFile(filepath.Join(out, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", cmd.Path, err)
	}
	p := &program{cmd, log, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // who cares asks alive
		close(p.gone)
	}()
	return p, nil
}

// alive is an error when the program has ended.
func (p *program) alive() error {
	select {
	case <-p.gone:
		return fmt.Errorf("%s: %w (%s), see %s", filepath.Base(p.cmd.Path), errGone, p.cmd.ProcessState, p.log)
	default:
		return nil
	}
}

// kill ends the program as a crash would, and returns when it is gone.
func (p *program) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may be gone
	<-p.gone
}
