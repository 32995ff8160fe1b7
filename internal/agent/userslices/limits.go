package userslices

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/userunits"
)

// Manager is the user's service manager.
type Manager interface {
	Slices(ctx context.Context) ([]string, error)
	Slice(ctx context.Context, name string) (userunits.Slice, error)
	// Limit sets limits by the names of systemd's properties.
	Limit(ctx context.Context, name string, limits map[string]uint64) error
}

const (
	// settleWait is how long the kernel may take to have what the manager was
	// told: the manager writes it when it is next idle.
	settleWait = 2 * time.Second
	settlePoll = 20 * time.Millisecond
	// maxRows is how many slices Capture tells.
	maxRows = 64
)

// Limits limits the slices of one manager. Its methods may be called from any
// goroutine.
type Limits struct {
	manager Manager
	memory  memory
	cgroups string

	mu sync.Mutex
}

// New returns Limits that remember in the file at state what was there before;
// cgroups is where the hierarchy of control groups is mounted.
func New(manager Manager, state, cgroups string) *Limits {
	return &Limits{manager: manager, memory: memory(state), cgroups: cgroups}
}

// Apply limits a slice as ordered, puts back what the order does not speak of,
// and looks whether the kernel has it. It is idempotent. detail says why it is
// not settled.
func (l *Limits) Apply(ctx context.Context, o manager1.SliceLimits) (settled bool, detail string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.apply(ctx, o.Slice, wants(o)); err != nil {
		return false, err.Error()
	}
	why, err := l.settle(ctx, o.Slice, wants(o))
	if err != nil {
		return false, err.Error()
	}
	return why == "", why
}

// apply writes down what is there, then sets, then forgets what is back.
func (l *Limits) apply(ctx context.Context, slice string, want map[string]uint64) error {
	now, err := l.manager.Slice(ctx, slice)
	if err != nil {
		return err
	}
	all, err := l.memory.load()
	if err != nil {
		return err
	}
	was := all[slice]
	set, back, noted := map[string]uint64{}, []string(nil), false
	for _, k := range knobs {
		has := k.read(now)
		goal, ordered := want[k.property]
		before, touched := was[k.property]
		switch {
		case ordered && !touched:
			all.note(slice, k.property, has)
			noted = true
		case !ordered && touched:
			goal, back = before, append(back, k.property)
		case !ordered:
			continue
		}
		if goal != has {
			set[k.property] = goal
		}
	}
	if noted {
		if err := l.memory.save(all); err != nil {
			return err
		}
	}
	if len(set) > 0 {
		if err := l.manager.Limit(ctx, slice, set); err != nil {
			return err
		}
	}
	if len(back) == 0 {
		return nil
	}
	all.forget(slice, back...)
	return l.memory.save(all)
}

// settle waits until the kernel has what is wanted, and says what it has
// otherwise.
func (l *Limits) settle(ctx context.Context, slice string, want map[string]uint64) (why string, err error) {
	deadline := time.NewTimer(settleWait)
	defer deadline.Stop()
	for {
		s, err := l.manager.Slice(ctx, slice)
		if err != nil {
			return "", err
		}
		if why = l.differs(slice, s, want); why == "" {
			return "", nil
		}
		select {
		case <-time.After(settlePoll):
		case <-deadline.C:
			return why, nil
		case <-ctx.Done():
			return why, nil
		}
	}
}

func (l *Limits) differs(slice string, s userunits.Slice, want map[string]uint64) string {
	for _, k := range knobs {
		goal, ordered := want[k.property]
		has, ok := l.inForce(k, s)
		switch {
		case !ordered || ok && has == goal:
		case !ok:
			return fmt.Sprintf("the kernel has no %s for %s: %s is not delegated to this user's manager", k.word, slice, k.controller)
		default:
			return fmt.Sprintf("%s of %s is %s, not %s", k.word, slice, number(has), number(goal))
		}
	}
	return ""
}

func number(n uint64) string {
	if n == userunits.Infinite {
		return "without limit"
	}
	return strconv.FormatUint(n, 10)
}

// Capture tells the limits in force of all slices that the manager has loaded or
// that were ordered, those first. What the kernel does not know is left out.
func (l *Limits) Capture(ctx context.Context) ([]manager1.SliceLimits, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept, err := l.memory.load()
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(kept))
	loaded, err := l.manager.Slices(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range loaded {
		if kept[name] == nil {
			names = append(names, name)
		}
	}
	rows := []manager1.SliceLimits{}
	for _, name := range names[:min(len(names), maxRows)] {
		s, err := l.manager.Slice(ctx, name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, l.row(name, s))
	}
	return rows, nil
}

func (l *Limits) row(name string, s userunits.Slice) manager1.SliceLimits {
	r := manager1.SliceLimits{Slice: name}
	for _, k := range knobs {
		v, ok := l.inForce(k, s)
		switch {
		case !ok:
		case k.property == "MemoryHigh" && v == userunits.Infinite:
			r.MemoryHigh = manager1.NoLimit
		case k.property == "MemoryHigh":
			r.MemoryHigh = int64(min(v, 1<<62)) // #nosec G115 -- within
		case k.property == "CPUWeight":
			r.CPUWeight = uint32(min(v, 1<<31)) // #nosec G115 -- within
		default:
			r.IOWeight = uint32(min(v, 1<<31)) // #nosec G115 -- within
		}
	}
	return r
}
