package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

//go:embed crowd/crowd.c
var crowdSource string

// crowdProgram builds the program that fills the machine, once; its source says
// how it is called.
func (s *scene) crowdProgram(ctx context.Context) (string, error) {
	if s.crowd != "" {
		return s.crowd, nil
	}
	path := filepath.Join(s.dir, "crowd")
	cmd := exec.CommandContext(ctx, "cc", "-O2", "-Wall", "-o", path, "-x", "c", "-")
	cmd.Stdin = strings.NewReader(crowdSource)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the crowd: %w\n%s", err, out)
	}
	s.crowd = path
	return path, nil
}

// crowd is many real processes. They end when disperse is called, and when this
// process ends in any way: its end of their parent's standard input goes then.
type crowd struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// crowdOf says what a crowd is like.
type crowdOf struct {
	processes, fds int
	hostile        bool
	file           string // that the first holders of them hold
	holders        int
	cgroup         *os.File // that takes them in, or nil
}

// gather starts a crowd and returns when all of it is there.
func gather(program string, of crowdOf) (*crowd, error) {
	bad := "0"
	if of.hostile {
		bad = "1"
	}
	argv := []string{strconv.Itoa(of.processes), strconv.Itoa(of.fds), bad}
	if of.holders > 0 {
		argv = append(argv, of.file, strconv.Itoa(of.holders))
	}
	cmd := exec.Command(program, argv...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if of.cgroup != nil { // its parent goes there before it has children
		cmd.Path = "/bin/sh"
		cmd.Args = append([]string{"sh", "-c", `echo $$ >&3 && exec 3>&- "$0" "$@"`, program}, argv...)
		cmd.ExtraFiles = []*os.File{of.cgroup}
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the crowd: %w", err)
	}
	c := &crowd{cmd, stdin}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		c.disperse()
		return nil, fmt.Errorf("the crowd of %d did not gather: it said %q: %w", of.processes, line, errors.Join(err))
	}
	return c, nil
}

// disperse ends the crowd and waits until it has gone.
func (c *crowd) disperse() {
	_ = c.stdin.Close() // it ends then, when all others have
	if err := c.cmd.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: the crowd did not end well:", err)
	}
}

// population counts processes, and descriptors that can be seen.
func population() (processes, fds int, err error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, 0, err
	}
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, "fd"))
		if err != nil {
			continue // gone, or not ours to see
		}
		names, err := f.Readdirnames(-1)
		_ = f.Close()
		if err == nil {
			processes, fds = processes+1, fds+len(names)
		}
	}
	return processes, fds, nil
}
