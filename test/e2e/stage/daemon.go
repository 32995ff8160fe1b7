package stage

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// Daemon is a moded that was started on a stage.
type Daemon struct {
	cmd  *exec.Cmd
	said *tail
	gone chan struct{}
	err  error
}

// startLimit is how long a daemon may need to be on the bus.
const startLimit = 2 * time.Minute

// Start starts moded and returns when it answers on the bus.
func (s *Stage) Start(ctx context.Context) (*Daemon, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	client, err := manager1.Dial(s.Bus)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	events, err := client.Watch(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot watch the bus: %w", err)
	}
	d, err := s.launch()
	if err != nil {
		return nil, err
	}
	for {
		select {
		case e, ok := <-events:
			if ok && e.Kind == manager1.EventAppeared {
				return d, nil
			}
			if !ok {
				d.Kill()
				return nil, fmt.Errorf("moded is not on the bus after %s:\n%s", startLimit, d.Said())
			}
		case <-d.gone:
			return nil, fmt.Errorf("moded ended before it was up: %w\n%s", d.err, d.Said())
		}
	}
}

func (s *Stage) launch() (*Daemon, error) {
	// #nosec G204 -- the arguments are ours
	cmd := exec.Command(filepath.Join(s.Bin, "moded"), s.args()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	d := &Daemon{cmd: cmd, said: &tail{}, gone: make(chan struct{})}
	cmd.Stderr = d.said
	if s.options.Log != nil {
		cmd.Stderr = s.options.Log
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start moded: %w", err)
	}
	go func() {
		d.err = cmd.Wait()
		close(d.gone)
	}()
	s.mu.Lock()
	s.daemons = append(s.daemons, d)
	s.mu.Unlock()
	return d, nil
}

func (s *Stage) args() []string {
	args := []string{"--simulate", "--bus=" + s.Bus, "--runtime-dir=" + s.Runtime, "--state-dir=" + s.State}
	if s.options.Speed != 0 {
		args = append(args, "--simulate-speed="+strconv.FormatFloat(s.options.Speed, 'g', -1, 64))
	}
	for _, file := range s.options.Config {
		args = append(args, "--config="+file)
	}
	return args
}

// Kill ends the daemon as a crash would, and returns when it is gone.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill() // it may be gone
	<-d.gone
}

// Stop asks the daemon to end, as systemd would, and tells how it did.
func (d *Daemon) Stop(ctx context.Context) error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("cannot stop moded: %w", err)
	}
	select {
	case <-d.gone:
		return d.err
	case <-ctx.Done():
		d.Kill()
		return errors.Join(errors.New("moded did not stop"), ctx.Err())
	}
}

// Renew tells the daemon to end as soon as nothing is under way.
func (d *Daemon) Renew() error { return d.cmd.Process.Signal(syscall.SIGUSR1) }

// Err is how the daemon ended, once it is gone.
func (d *Daemon) Err() error { return d.err }

// Gone is closed when the daemon has ended.
func (d *Daemon) Gone() <-chan struct{} { return d.gone }

// Said is the end of what the daemon wrote on standard error.
func (d *Daemon) Said() string { return strings.TrimSpace(d.said.String()) }
