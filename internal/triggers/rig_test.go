package triggers_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// machine is what the watcher looks at. It counts the looks.
type machine struct {
	mu       sync.Mutex
	sessions facts.Sessions
	audio    []facts.AudioUser
	units    []string
	watched  bool
	switched int
	short    bool
	broken   error
	looks    int
}

func (m *machine) Sessions(context.Context) facts.Sessions {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	return facts.Sessions{Part: m.sessions.Part, List: slices.Clone(m.sessions.List)}
}

func (m *machine) Audio() []facts.AudioUser {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.audio)
}

func (m *machine) Follow(units []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.units = units
}

func (m *machine) WatchPressure(_ context.Context, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watched = on && m.broken == nil
	m.switched++
	return m.broken
}

func (m *machine) Pressure(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.watched {
		return false, errors.New("nobody watches")
	}
	return m.short, nil
}

// counting counts how often the engine looks for drift, and can make it slow.
type counting struct {
	*fsm.Engine
	rechecks, slow atomic.Int64
}

func (c *counting) Recheck(ctx context.Context) []fsm.Difference {
	c.rechecks.Add(1)
	time.Sleep(time.Duration(c.slow.Load()))
	return c.Engine.Recheck(ctx)
}

// rig is a watcher on a toy machine with a real engine.
type rig struct {
	*machine
	counting
	t        *testing.T
	world    *fsmtest.World
	engine   *fsm.Engine
	watcher  *triggers.Watcher
	mu       sync.Mutex
	settings triggers.Settings
	// asked counts the questions to the guards.
	asked atomic.Int64
}

// newRig begins in a mode, with these people at the machine.
func newRig(t *testing.T, mode string, s triggers.Settings, people ...facts.Session) *rig {
	t.Helper()
	r := &rig{machine: &machine{sessions: facts.Sessions{List: people}}, t: t, settings: s}
	r.world = fsmtest.NewWorld(map[string]string{"units/a": mode, "units/b": mode, "gui": map[bool]string{true: "off", false: "on"}[mode == "compute"]})
	r.world.Rests["gui"] = "off"
	r.world.OnAsk = func(fsm.Question) { r.asked.Add(1) }
	r.settle(people)
	cfg := r.world.Config(catalog(t))
	r.watcher = triggers.New(triggers.Config{Machine: r.machine, Holds: cfg.Holds, Log: zap.NewNop(), Settings: func(string) triggers.Settings {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.settings
	}})
	cfg.Observer = r.watcher
	r.engine = fsm.New(cfg)
	r.Engine = r.engine
	if _, err := r.engine.Start(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.watcher.Run(ctx, &r.counting)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := r.engine.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	if got := r.engine.State().Mode; got != mode {
		t.Fatalf("begins in %s, want %s", got, mode)
	}
	return r
}

// settle tells the engine who has a desktop.
func (r *rig) settle(people []facts.Session) {
	var desktops []fsm.Session
	for _, s := range people {
		if s.Graphical() {
			desktops = append(desktops, fsm.Session{ID: s.ID, UID: s.UID, User: s.User, Class: s.Class, Type: s.Type, Seat: s.Seat})
		}
	}
	r.world.SetPeople(desktops...)
}

// now makes these the sessions, as logind says by a signal.
func (r *rig) now(people ...facts.Session) {
	r.quietly(people...)
	r.watcher.Tell(triggers.Sessions)
	synctest.Wait()
}

// quietly makes these the sessions without a signal.
func (r *rig) quietly(people ...facts.Session) {
	r.machine.mu.Lock()
	r.sessions = facts.Sessions{List: people}
	r.machine.mu.Unlock()
	r.settle(people)
}

// wait lets time pass.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) wantMode(want string) {
	r.t.Helper()
	if got := r.engine.State(); got.Mode != want || got.Open != nil {
		r.t.Fatalf("mode %s (open %+v), want %s", got.Mode, got.Open, want)
	}
}

// wantCountdown expects that a countdown of that trigger runs.
func (r *rig) wantCountdown(trigger string) {
	r.t.Helper()
	if open := r.engine.State().Open; open == nil || open.Phase != fsm.Grace || open.Trigger != trigger {
		r.t.Fatalf("open %+v, want a countdown of %s", open, trigger)
	}
}

// last is the newest entry of the history.
func (r *rig) last() fsm.Transition {
	r.t.Helper()
	log := r.world.Log()
	if len(log) == 0 {
		r.t.Fatal("the history is empty")
	}
	return log[0]
}

func set(id, key, value string) fsm.Setting {
	return fsm.Setting{Kind: id, Key: key, Value: fsm.NewValue(value), Essential: true, WhenMissing: fsm.Refuse}
}

// catalog has desktop, studio and compute with the edges of the embedded
// default, and the triggers of the documentation's example.
func catalog(t *testing.T) *fsm.Catalog {
	t.Helper()
	mode := func(name, gui string) fsm.Mode {
		return fsm.Mode{Name: name, Headless: gui == "off", Settings: []fsm.Setting{
			set("units", "a", name), set("units", "b", name), set("gui", "", gui)}}
	}
	c, err := fsm.NewCatalog(fsm.CatalogSpec{
		Default: "desktop",
		Modes:   []fsm.Mode{mode("desktop", "on"), mode("studio", "on"), mode("compute", "off")},
		Guards:  []fsm.GuardSpec{{Name: "quiet", Kind: "audio"}},
		Edges: []fsm.Edge{
			{Event: "enter_studio", From: "desktop", To: "studio"},
			{Event: "exit_studio", From: "studio", To: "desktop"},
			{Event: "enforced_exit", From: "studio", To: "desktop", Guards: []string{"quiet"}, AfterCondition: 10 * time.Second,
				Triggers: []string{triggers.UserGone, triggers.PipeWireGone, triggers.MemoryPressure}},
			{Event: "to_compute", From: "desktop", To: "compute", Through: true, Grace: 30 * time.Second,
				Guards: []string{"quiet"}, Triggers: []string{"manual", triggers.Idle}},
			{Event: "to_desktop", From: "compute", To: "desktop", Through: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var halfHour = triggers.Settings{IdleAfter: 30 * time.Minute, IdleSessions: triggers.AnySessions}

// sitting is dev at a desktop; away is the same when nobody has touched it.
func sitting() facts.Session {
	return facts.Session{ID: "3", UID: 1000, User: "dev", Seat: "seat0", Class: "user", Type: "wayland", State: "active"}
}

func away() facts.Session {
	s := sitting()
	s.Idle, s.IdleSince = true, time.Now()
	return s
}

// terminal is a login by ssh, used last at that time.
func terminal(used time.Time, idle bool) facts.Session {
	return facts.Session{ID: "5", UID: 1001, User: "ann", Class: "user", Type: "tty", State: "active", Remote: true,
		Idle: idle, IdleSince: used}
}
