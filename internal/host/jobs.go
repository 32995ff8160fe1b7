package host

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// lookEvery is how often a job is looked for, besides waiting for the signal of
// its end: that signal is lost when the manager executes itself anew.
const lookEvery = time.Second

// verb is one of the jobs that we ask for.
type verb struct {
	name string
	mode string
	// reached tells whether a unit in that state is what the job was for.
	reached func(active string) bool
	call    func(ctx context.Context, l *link, unit, mode string, end chan<- string) (int, error)
}

// as is the verb with another name and job mode.
func (v verb) as(name, mode string) verb {
	v.name, v.mode = name, mode
	return v
}

// The jobs replace others of the same unit: what a plan wants counts.
var (
	start = verb{
		name: "start", mode: jobReplace,
		reached: func(active string) bool { return active == "active" || active == "reloading" },
		call: func(ctx context.Context, l *link, unit, mode string, end chan<- string) (int, error) {
			return l.api.StartUnitContext(ctx, unit, mode, end)
		},
	}
	stop = verb{
		name: "stop", mode: jobReplace,
		reached: func(active string) bool { return active == "inactive" || active == "failed" },
		call: func(ctx context.Context, l *link, unit, mode string, end chan<- string) (int, error) {
			return l.api.StopUnitContext(ctx, unit, mode, end)
		},
	}
)

// Start starts the unit and returns the job's result when it is finished. When
// ctx ends first, the job is cancelled.
func (m *Manager) Start(ctx context.Context, unit string) (result string, err error) {
	return m.job(ctx, unit, start)
}

// Stop stops the unit, likewise. A stop that is cancelled leaves the unit's
// processes to whatever signals they already had.
func (m *Manager) Stop(ctx context.Context, unit string) (result string, err error) {
	return m.job(ctx, unit, stop)
}

func (m *Manager) job(ctx context.Context, unit string, v verb) (string, error) {
	// Room for one, always: go-systemd sends while it holds the lock that every
	// other job needs.
	end := make(chan string, 1)
	var id int
	var on *link
	err := m.with(ctx, func(l *link) (err error) {
		on = l
		id, err = v.call(ctx, l, unit, v.mode, end)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("cannot %s %s: %w", v.name, unit, err)
	}
	result, err := m.await(ctx, on, unit, uint32(id), v, end)
	if err != nil {
		return "", fmt.Errorf("cannot wait for %s to %s: %w", unit, v.name, err)
	}
	return result, nil
}

// await waits for the job's end by signal, by looking, and by the loss of the
// connection, whichever comes first.
func (m *Manager) await(ctx context.Context, on *link, unit string, id uint32, v verb, end <-chan string) (string, error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	lost := on.raw.Context().Done()
	for {
		select {
		case result := <-end:
			return result, nil
		case <-lost:
			lost = nil
		case <-look.C:
		case <-ctx.Done():
			m.cancel(ctx, id)
			return "", context.Cause(ctx)
		}
		over, reached, err := m.over(ctx, unit, id, v)
		switch {
		case err != nil && ctx.Err() == nil:
			return "", err
		case err != nil || !over:
			continue
		}
		select {
		case result := <-end: // it was under way
			return result, nil
		case <-time.After(redial):
		}
		if reached {
			return "done", nil
		}
		return "unknown", nil
	}
}

// over tells whether the unit has no such job any more, and whether it is as
// the job would have it.
func (m *Manager) over(ctx context.Context, unit string, id uint32, v verb) (over, reached bool, err error) {
	props, err := m.some(ctx, unitPath(unit), unitIface, "Job", "ActiveState")
	if err != nil {
		return false, false, err
	}
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	if err := props["Job"].Store(&job); err != nil {
		return false, false, err
	}
	return job.ID == 0 || job.ID != id, v.reached(field[string](props, "ActiveState")), nil
}

// cancel takes the job back as far as that is possible: a job that is left
// behind would move the unit under the next step's feet.
func (m *Manager) cancel(ctx context.Context, id uint32) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readLimit/10)
	defer cancel()
	_ = m.with(ctx, func(l *link) error { // it may be over by now
		return l.object(managerPath).CallWithContext(ctx, managerIface+".CancelJob", 0, id).Err
	})
}
