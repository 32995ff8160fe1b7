package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// mostStop is the longest that a unit's own words about its stop are believed.
const mostStop = 10 * time.Minute

// end brings the unit down: drained, stopped, and killed if it must be. It
// returns nil when the unit's cgroup is empty and what held GPUs has let go of
// them.
func (a vllm) end(ctx context.Context, v vllmValue, courteous bool) error {
	s, err := a.jobs.glance(ctx, v.Unit)
	if err != nil || !s.exists() {
		return err
	}
	if s.up() && courteous {
		if err := a.drain(ctx, v); err != nil {
			return err
		}
	}
	remains := &remains{vllm: a, unit: s}
	remains.remember(ctx)
	if err := a.stop(ctx, s); err != nil {
		return err
	}
	return remains.await(ctx)
}

// drain waits until the server has no more requests. It fails only when it is
// cancelled: a server that does not say, or does not come to an end, is stopped
// all the same.
func (a vllm) drain(ctx context.Context, v vllmValue) error {
	limit := time.Duration(v.DrainTimeout)
	if limit == 0 {
		return nil
	}
	fsm.Report(ctx, "draining "+v.Unit)
	d := drain{vllm: a, value: v, paused: a.pause(ctx, v.URL), heard: time.Now()}
	_, err := until(ctx, limit, 2*a.Timing.Poll, func() (bool, error) { return d.over(ctx), nil })
	if err != nil {
		return fmt.Errorf("cannot drain %s: %w", v.Unit, err)
	}
	if d.idle < drainIdle {
		fsm.Caution(ctx, "it was not drained: "+d.seen)
	}
	return nil
}

// pause tells the server to begin nothing new, and whether it heeds that.
func (a vllm) pause(ctx context.Context, url string) bool {
	server, err := a.Servers.Server(ctx, url)
	if err != nil || server.Paused == nil {
		return false
	}
	return *server.Paused || a.Servers.Pause(ctx, url, true) == nil
}

// drain is a server that is being drained.
type drain struct {
	vllm
	value  vllmValue
	paused bool
	idle   int       // looks in a row without a request
	heard  time.Time // when the server last said how many it has
	seen   string    // what the last look saw
}

// drainIdle is how many looks in a row must see no request: one may fall between
// two of a client that sends one after the other.
const drainIdle = 2

// over looks once, and tells whether there is nothing to wait for.
func (d *drain) over(ctx context.Context) bool {
	now, err := d.Servers.Server(ctx, d.value.URL)
	if err == nil && now.Uncounted != "" && !now.Absent {
		err = errors.New(now.Uncounted)
	}
	switch {
	case err != nil:
		d.idle = 0
		d.seen = fmt.Sprintf("cannot see its requests: %v", err)
		fsm.Report(ctx, d.value.Unit+": "+d.seen)
		return time.Since(d.heard) > 60*d.Timing.Poll
	// What came after the pause waits in vain, and is not waited for.
	case now.Absent || now.Running == 0 && (now.Waiting == 0 || d.paused):
		d.idle++
		d.seen = "no request"
	default:
		d.idle = 0
		d.seen = fmt.Sprintf("%d running and %d waiting requests", now.Running, now.Waiting)
	}
	d.heard = time.Now()
	fsm.Report(ctx, "draining "+d.value.Unit+": "+d.seen)
	return d.idle >= drainIdle
}

// stop stops the unit in the time that the unit itself asks for. What is still
// there then is killed.
func (a vllm) stop(ctx context.Context, s UnitState) error {
	if s.down() {
		return nil
	}
	limit := a.Timing.UnitStop
	if service, err := a.Services.Service(ctx, s.ID); err == nil {
		// ExecStop=, then SIGTERM, then SIGKILL, each with that time.
		limit = min(max(limit, 3*service.StopTimeout), mostStop)
	}
	err := a.jobs.stop(ctx, s.ID, limit)
	if err == nil || ctx.Err() != nil {
		return err
	}
	now, lost := a.jobs.glance(ctx, s.ID)
	if lost != nil || now.up() {
		return err // it was not being stopped, so this is not about its processes
	}
	return nil
}

// remains is what a stopped unit may have left behind.
type remains struct {
	vllm
	unit UnitState
	// held are the processes that had GPUs before the unit was stopped: they may
	// have left its cgroup.
	held []uint32
}

// remember keeps who holds GPUs now. What is not seen here is found by the unit's
// name afterwards.
func (r *remains) remember(ctx context.Context) {
	all, err := r.Devices.Devices(ctx)
	if err != nil {
		return
	}
	for _, d := range all {
		for _, h := range d.Holders {
			if h.Unit == r.unit.ID {
				r.held = append(r.held, h.PID)
			}
		}
	}
}

// await returns when nothing is left. Processes that stay are killed, by PID 1;
// after that they are named.
func (r *remains) await(ctx context.Context) error {
	if ok, err := until(ctx, r.Timing.UnitKill, r.Timing.Poll, func() (bool, error) { return r.empty(ctx) }); err != nil {
		return err
	} else if !ok {
		fsm.Caution(ctx, "what it left behind had to be killed")
		if err := r.Services.KillAll(ctx, r.unit.ID); err != nil {
			return fmt.Errorf("cannot kill what is left of %s: %w", r.unit.ID, err)
		}
	}
	left, err := cleared(ctx, "waiting: ", r.Timing.GPUBarrier, 2*r.Timing.Poll, func() (string, error) { return r.left(ctx) })
	if err == nil && left != "" {
		err = fmt.Errorf("%s was stopped, but %s", r.unit.ID, left)
	}
	return err
}

// empty tells whether the unit is down and its cgroup empty.
func (r *remains) empty(ctx context.Context) (bool, error) {
	s, err := r.jobs.glance(ctx, r.unit.ID)
	if err != nil || !s.down() {
		return false, err
	}
	list, err := r.Services.Processes(ctx, r.unit.ID)
	if err != nil {
		return false, fmt.Errorf("cannot see the processes of %s: %w", r.unit.ID, err)
	}
	return len(list) == 0, nil
}

// left says what is left, or nothing.
func (r *remains) left(ctx context.Context) (string, error) {
	s, err := r.jobs.glance(ctx, r.unit.ID)
	if err != nil {
		return "", err
	}
	var problems []string
	if !s.down() {
		problems = append(problems, "it is "+s.describe())
	}
	list, err := r.Services.Processes(ctx, r.unit.ID)
	if err != nil {
		return "", fmt.Errorf("cannot see the processes of %s: %w", r.unit.ID, err)
	}
	all, err := r.Devices.Devices(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot see who holds the GPUs of %s: %w", r.unit.ID, err)
	}
	if len(list) > 0 {
		problems = append(problems, "its processes are still there: "+processes(list))
	}
	for _, d := range all {
		holders := slices.DeleteFunc(slices.Clone(d.Holders), func(h DeviceHolder) bool {
			return h.Unit != r.unit.ID && !slices.Contains(r.held, h.PID)
		})
		if len(holders) > 0 {
			problems = append(problems, d.PCI+" is still held by "+who(holders))
		}
	}
	return strings.Join(problems, "; "), nil
}

// processes names them: "python3 (1234)".
func processes(list []Process) string {
	var holders []string
	for i, p := range list {
		if i == 4 {
			holders = append(holders, fmt.Sprintf("%d more", len(list)-4))
			break
		}
		holders = append(holders, fmt.Sprintf("%s (%d)", p.Comm, p.PID))
	}
	return strings.Join(holders, ", ")
}
