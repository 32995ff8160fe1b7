package userslices_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/userslices"
	"github.com/modectl/moded/internal/agent/userunits"
)

const background = "background.slice"

// manager is a user's manager, and a kernel that has a control group for each
// slice with a Cgroup, and files in it for the controllers that are delegated.
type manager struct {
	slices  map[string]userunits.Slice
	cgroups string
	refuse  error
	deaf    bool // the kernel takes nothing
	sets    int
}

func (m *manager) Slices(context.Context) ([]string, error) { return []string{"app.slice"}, m.refuse }

func (m *manager) Slice(_ context.Context, name string) (userunits.Slice, error) {
	if s, ok := m.slices[name]; ok {
		return s, nil
	}
	return userunits.Slice{CPUWeight: userunits.Infinite, IOWeight: userunits.Infinite, MemoryHigh: userunits.Infinite}, nil
}

func (m *manager) Limit(ctx context.Context, name string, limits map[string]uint64) error {
	if m.refuse != nil {
		return m.refuse
	}
	m.sets++
	s, _ := m.Slice(ctx, name)
	for property, v := range limits {
		switch property {
		case "CPUWeight":
			s.CPUWeight = v
		case "IOWeight":
			s.IOWeight = v
		case "MemoryHigh":
			s.MemoryHigh = v
		}
	}
	m.slices[name] = s
	if !m.deaf {
		m.write(s)
	}
	return nil
}

// write is the kernel's side: no file for io, which is not delegated, and whole
// pages of memory.
func (m *manager) write(s userunits.Slice) {
	if s.Cgroup == "" {
		return
	}
	dir := filepath.Join(m.cgroups, s.Cgroup)
	text := func(v, unset uint64) string {
		if v == userunits.Infinite {
			v = unset
		}
		if v == userunits.Infinite {
			return "max"
		}
		return strconv.FormatUint(v, 10)
	}
	high := s.MemoryHigh
	if high != userunits.Infinite {
		high -= high % uint64(os.Getpagesize())
	}
	_ = os.MkdirAll(dir, 0o755)
	_ = os.WriteFile(filepath.Join(dir, "cpu.weight"), []byte(text(s.CPUWeight, 100)+"\n"), 0o600)
	_ = os.WriteFile(filepath.Join(dir, "memory.high"), []byte(text(high, userunits.Infinite)+"\n"), 0o600)
}

// machine has a background.slice with processes and a weight of 30, and an
// app.slice without limits that nobody is in.
func machine(t *testing.T) (*manager, *userslices.Limits) {
	t.Helper()
	dir := t.TempDir()
	m := &manager{cgroups: dir, slices: map[string]userunits.Slice{
		background:  {CPUWeight: 30, IOWeight: userunits.Infinite, MemoryHigh: userunits.Infinite, Cgroup: "/user.slice/background.slice"},
		"app.slice": {CPUWeight: userunits.Infinite, IOWeight: userunits.Infinite, MemoryHigh: userunits.Infinite},
	}}
	m.write(m.slices[background])
	return m, userslices.New(m, filepath.Join(dir, "state.json"), dir)
}

// row is what Capture tells of a slice.
func row(t *testing.T, l *userslices.Limits, slice string) manager1.SliceLimits {
	t.Helper()
	rows, err := l.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Slice == slice {
			return r
		}
	}
	return manager1.SliceLimits{}
}

func TestLimitsAreSetReadBackAndPutBack(t *testing.T) {
	t.Parallel()
	m, l := machine(t)
	order := manager1.SliceLimits{Slice: background, CPUWeight: 10, MemoryHigh: 1_000_000_001}
	for range 2 {
		if settled, why := l.Apply(t.Context(), order); !settled || why != "" {
			t.Fatalf("%v, %q", settled, why)
		}
	}
	if m.sets != 1 {
		t.Errorf("set %d times", m.sets)
	}
	if got := row(t, l, background); got.CPUWeight != 10 || got.MemoryHigh != 1_000_000_001 || got.IOWeight != 100 {
		t.Errorf("it is %+v", got)
	}
	// The next order does not speak of memory any more, the last of nothing.
	if settled, why := l.Apply(t.Context(), manager1.SliceLimits{Slice: background, CPUWeight: 20}); !settled {
		t.Error(why)
	}
	if got := m.slices[background]; got.CPUWeight != 20 || got.MemoryHigh != userunits.Infinite {
		t.Errorf("the manager has %+v", got)
	}
	for range 2 {
		if settled, why := l.Apply(t.Context(), manager1.SliceLimits{Slice: background}); !settled {
			t.Error(why)
		}
	}
	if got := m.slices[background]; got.CPUWeight != 30 || got.MemoryHigh != userunits.Infinite {
		t.Errorf("the manager has %+v after all", got)
	}
}

func TestWhatWasBeforeOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	m, l := machine(t)
	l.Apply(t.Context(), manager1.SliceLimits{Slice: background, CPUWeight: 10})
	next := userslices.New(m, filepath.Join(m.cgroups, "state.json"), m.cgroups)
	next.Apply(t.Context(), manager1.SliceLimits{Slice: background, CPUWeight: 5})
	if settled, why := next.Apply(t.Context(), manager1.SliceLimits{Slice: background}); !settled || m.slices[background].CPUWeight != 30 {
		t.Errorf("weight %d, %q", m.slices[background].CPUWeight, why)
	}
}

func TestASliceThatNobodyIsInIsLimitedForLater(t *testing.T) {
	t.Parallel()
	m, l := machine(t)
	if settled, why := l.Apply(t.Context(), manager1.SliceLimits{Slice: "later.slice", CPUWeight: 10, MemoryHigh: manager1.NoLimit}); !settled {
		t.Error(why)
	}
	if got := row(t, l, "later.slice"); got.CPUWeight != 10 || got.MemoryHigh != manager1.NoLimit || m.slices["later.slice"].CPUWeight != 10 {
		t.Errorf("it is %+v", got)
	}
	if got := row(t, l, "app.slice"); got != (manager1.SliceLimits{Slice: "app.slice", CPUWeight: 100, IOWeight: 100, MemoryHigh: manager1.NoLimit}) {
		t.Errorf("without limits: %+v", got)
	}
}

func TestALimitThatTheKernelDoesNotHaveIsNotSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		order   manager1.SliceLimits
		prepare func(m *manager)
		want    string
	}{
		"not delegated": {manager1.SliceLimits{Slice: background, IOWeight: 20}, func(*manager) {},
			"the kernel has no io-weight for background.slice: io is not delegated to this user's manager"},
		"not written": {manager1.SliceLimits{Slice: background, CPUWeight: 20}, func(m *manager) { m.deaf = true },
			"cpu-weight of background.slice is 30, not 20"},
		"refused": {manager1.SliceLimits{Slice: background, CPUWeight: 20}, func(m *manager) { m.refuse = errors.New("no") }, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, l := machine(t)
			c.prepare(m)
			ctx, stop := context.WithCancel(t.Context())
			stop() // the first look decides
			if settled, why := l.Apply(ctx, c.order); settled || why != c.want {
				t.Errorf("%v, %q", settled, why)
			}
			if m.refuse = nil; c.order.IOWeight != 0 && row(t, l, background).IOWeight != 0 {
				t.Errorf("it tells %+v", row(t, l, background))
			}
		})
	}
}

func TestTheDefaultNeedsNoController(t *testing.T) {
	t.Parallel()
	_, l := machine(t)
	if settled, why := l.Apply(t.Context(), manager1.SliceLimits{Slice: background, IOWeight: 100}); !settled {
		t.Error(why)
	}
}

func TestBFQsOwnFileStandsForTheWeight(t *testing.T) {
	t.Parallel()
	m, l := machine(t)
	if err := os.WriteFile(filepath.Join(m.cgroups, "user.slice/background.slice/io.bfq.weight"), []byte("default 118\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if settled, why := l.Apply(t.Context(), manager1.SliceLimits{Slice: background, IOWeight: 20}); !settled {
		t.Error(why)
	}
}

func TestADamagedMemoryIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	m, l := machine(t)
	state := filepath.Join(m.cgroups, "state.json")
	if err := os.WriteFile(state, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	settled, why := l.Apply(t.Context(), manager1.SliceLimits{Slice: background, CPUWeight: 10})
	if settled || !strings.Contains(why, "cannot tell how slices were limited before") || m.sets != 0 {
		t.Errorf("%v, %q, set %d times", settled, why, m.sets)
	}
	if _, err := l.Capture(t.Context()); err == nil {
		t.Error("it tells")
	}
	if raw, err := os.ReadFile(state); err != nil || string(raw) != "{" {
		t.Errorf("the file is %q, %v", raw, err)
	}
}
