package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/pkg/actions"
)

var _ actions.Services = (*Manager)(nil)

const serviceIface = "org.freedesktop.systemd1.Service"

// longest is what PID 1's microseconds are at most as a time.Duration.
const longest = uint64(math.MaxInt64 / int64(time.Microsecond))

// Service reads how a service is started and stopped.
func (m *Manager) Service(ctx context.Context, unit string) (actions.Service, error) {
	props, err := m.some(ctx, unitPath(unit), serviceIface, "KillMode", "TimeoutStopUSec", "ExecStart")
	if err != nil {
		return actions.Service{}, fmt.Errorf("cannot read settings of %s: %w", unit, err)
	}
	s := actions.Service{KillMode: field[string](props, "KillMode")}
	if stop := field[uint64](props, "TimeoutStopUSec"); stop <= longest {
		s.StopTimeout = time.Duration(stop) * time.Microsecond // else it is never
	}
	var commands []struct {
		Path          string
		Arguments     []string
		IgnoreFailure bool
		Began, Awoke  uint64
		Ended, Slept  uint64
		PID           uint32
		Code, Status  int32
	}
	if err := props["ExecStart"].Store(&commands); err != nil {
		return s, fmt.Errorf("cannot read the command of %s: %w", unit, err)
	}
	for _, c := range commands {
		s.Command = append(s.Command, c.Arguments...)
	}
	return s, nil
}

// Processes lists those in the unit's cgroup and below, also of a unit that has
// ended.
func (m *Manager) Processes(ctx context.Context, unit string) ([]actions.Process, error) {
	list, err := m.unitProcesses(ctx, unit)
	if err != nil {
		return nil, err
	}
	var out []actions.Process
	for _, p := range list {
		out = append(out, actions.Process{PID: p.PID, Comm: comm(p.Line)})
	}
	return out, nil
}

// comm is the program of a command line, of which the rest is nobody's business.
func comm(line string) string {
	program, _, _ := strings.Cut(line, " ")
	return path.Base(program)
}

// KillAll sends SIGKILL to every process of the unit. That there is none is as
// good.
func (m *Manager) KillAll(ctx context.Context, unit string) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	err := m.with(ctx, func(l *link) error {
		return l.object(managerPath).CallWithContext(ctx, managerIface+".KillUnit", 0, unit, "all", int32(syscall.SIGKILL)).Err
	})
	if err == nil || errors.Is(err, actions.ErrNoUnit) {
		return nil
	}
	if left, lost := m.unitProcesses(ctx, unit); lost == nil && len(left) == 0 {
		return nil
	}
	return fmt.Errorf("cannot kill the processes of %s: %w", unit, err)
}
