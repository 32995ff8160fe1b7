package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// moment is when a line of a program's output was there.
type moment struct {
	line string
	at   time.Time
}

// listener is a program that prints what it hears on the bus.
type listener struct {
	cmd   *exec.Cmd
	lines chan moment
}

func listen(argv []string) (*listener, error) {
	l := &listener{cmd: exec.Command(argv[0], argv[1:]...), lines: make(chan moment, 64)}
	l.cmd.Stderr = os.Stderr
	mortal(l.cmd)
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	go func() {
		defer close(l.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			l.lines <- moment{lines.Text(), time.Now()}
		}
	}()
	return l, nil
}

func (l *listener) stop() {
	_ = l.cmd.Process.Kill()
	for range l.lines { // until it has no more to say
	}
	_ = l.cmd.Wait() // it was killed
}

// hears waits for a line with the text.
func (l *listener) hears(ctx context.Context, text string) (time.Time, error) {
	for {
		select {
		case m, ok := <-l.lines:
			if !ok {
				return time.Time{}, fmt.Errorf("%s ended", filepath.Base(l.cmd.Path))
			}
			if strings.Contains(m.line, text) {
				return m.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s did not print %q: %w", filepath.Base(l.cmd.Path), text, ctx.Err())
		}
	}
}

// pace is the time between two changes: the daemon sends properties that soon
// one after the other, at the most.
const pace = 150 * time.Millisecond

// news compares when Waybar has its line with when gdbus prints the signal that
// it is made of. Both begin with the call that makes a hold; who subscribed
// first, and so is sent the signal first, is one and then the other.
func (s *scene) news(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	programs := [2]speaker{
		{
			argv:  []string{filepath.Join(s.bin, "modectl"), "--bus=" + s.address, "watch", "--waybar"},
			ready: `"alt":"desktop"`, news: `"held"`,
		},
		{
			argv:  []string{"gdbus", "monitor", "--address", s.address, "--dest", manager1.BusName, "--object-path", string(manager1.Path)},
			ready: "is owned by", news: "'Holds': <uint32 1>",
		},
	}
	var late [2][]time.Duration
	for first := range programs {
		if err := s.newsOf(ctx, programs, first, &late); err != nil {
			return nil, err
		}
	}
	return []row{compare("a line for Waybar after the call (p50)", ms(median(late[0])), ms(median(late[1])), "gdbus monitor", "ms", 1.1)}, nil
}

// speaker is a program that prints news, and what it says when it listens and
// when there is a hold.
type speaker struct {
	argv        []string
	ready, news string
}

func (s *scene) newsOf(ctx context.Context, programs [2]speaker, first int, late *[2][]time.Duration) error {
	const changes = 80
	var listeners [2]*listener
	for _, at := range []int{first, 1 - first} {
		l, err := listen(programs[at].argv)
		if err != nil {
			return err
		}
		defer l.stop()
		if _, err := l.hears(ctx, programs[at].ready); err != nil {
			return err
		}
		listeners[at] = l
	}
	client := manager1.New(s.conn)
	for range changes {
		time.Sleep(pace)
		began := time.Now()
		cookie, err := client.Hold(ctx, manager1.HoldAutomatic, "bench", "how soon is it told")
		if err != nil {
			return err
		}
		for i, l := range listeners {
			at, err := l.hears(ctx, programs[i].news)
			if err != nil {
				return err
			}
			late[i] = append(late[i], at.Sub(began))
		}
		time.Sleep(pace)
		if err := client.Release(ctx, cookie); err != nil {
			return err
		}
	}
	return nil
}
