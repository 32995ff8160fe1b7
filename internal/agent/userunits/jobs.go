package userunits

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Start starts units side by side and waits until the jobs are over. What came
// of it is what States says afterwards.
func (m *Manager) Start(ctx context.Context, units ...string) error {
	return m.run(ctx, "StartUnit", "start", units)
}

// Stop stops units side by side and waits until the jobs are over.
func (m *Manager) Stop(ctx context.Context, units ...string) error {
	return m.run(ctx, "StopUnit", "stop", units)
}

func (m *Manager) run(ctx context.Context, method, verb string, units []string) error {
	ended, forget, err := m.awaitJobs(ctx)
	if err != nil {
		return fmt.Errorf("cannot %s the user's units: %w", verb, err)
	}
	defer forget()
	var errs []error
	open := map[dbus.ObjectPath]string{}
	for _, unit := range units {
		var job dbus.ObjectPath
		if err := m.call(ctx, method, unit, "replace").Store(&job); err != nil {
			errs = append(errs, fmt.Errorf("cannot %s %s: %w", verb, unit, err))
			continue
		}
		open[job] = unit
	}
	for len(open) > 0 {
		select {
		case f := <-ended:
			if unit, ours := open[f.job]; ours && f.result != "done" && f.result != "skipped" {
				errs = append(errs, fmt.Errorf("cannot %s %s: the job's result is %s", verb, unit, f.result))
			}
			delete(open, f.job)
		case <-ctx.Done():
			return errors.Join(append(errs, fmt.Errorf("cannot %s the user's units: %w", verb, ctx.Err()))...)
		case <-m.Done():
			return errors.Join(append(errs, fmt.Errorf("cannot %s the user's units: the connection ended", verb))...)
		}
	}
	return errors.Join(errs...)
}

// maxEnded is how many jobs of the whole manager may end while one waits.
const maxEnded = 512

// awaitJobs collects ended jobs from now on, before any is begun: a job can be
// over before the answer with its name is read.
func (m *Manager) awaitJobs(ctx context.Context) (ended chan finished, forget func(), err error) {
	match := []dbus.MatchOption{
		dbus.WithMatchSender(busName), dbus.WithMatchObjectPath(managerPath),
		dbus.WithMatchInterface("org.freedesktop.systemd1.Manager"), dbus.WithMatchMember("JobRemoved"),
	}
	if m.onBus {
		if err := m.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return nil, nil, err
		}
	}
	ended = make(chan finished, maxEnded)
	m.mu.Lock()
	m.jobs[ended] = true
	m.mu.Unlock()
	return ended, func() {
		m.mu.Lock()
		delete(m.jobs, ended)
		m.mu.Unlock()
		if m.onBus {
			_ = m.conn.RemoveMatchSignal(match...) // a connection that ended has no matches
		}
	}, nil
}

func (m *Manager) jobRemoved(s *dbus.Signal) {
	var id uint32
	var f finished
	var unit string
	if dbus.Store(s.Body, &id, &f.job, &unit, &f.result) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.jobs {
		select {
		case c <- f:
		default: // the caller's deadline ends its wait
		}
	}
}
