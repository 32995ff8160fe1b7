package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// The questions that we have for systemd, asked a real one.
func TestARealSystemd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := host.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := realSystemd(t, map[string]string{
		"stays.service":   "[Service]\nExecStart=sleep 1000\n",
		"dies.service":    "[Service]\nExecStart=false\n",
		"skipped.service": "[Unit]\nConditionPathExists=/nonexistent\n[Service]\nExecStart=sleep 1000\n",
		"real.service":    "[Service]\nExecStart=sleep 1000\n",
		"once.service":    "[Service]\nType=oneshot\nExecStart=true\n",
		"fails.service":   "[Service]\nType=oneshot\nExecStart=false\n",
		"slow.service":    "[Service]\nType=oneshot\nExecStart=sleep 1000\n",
		"while.service":   "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=sh -c 'while ! test -e " + dir + "/on; do sleep 0.1; done'\n",
		"ai.service":      "[Service]\nEnvironmentFile=-/nonexistent\nEnvironmentFile=" + files.EnvDir() + "/ai.service\nExecStart=sh -c 'echo \"$GPUS\" > " + dir + "/seen; exec sleep 1000'\n",
		"mode.target":     "[Unit]\nWants=member.service guest.service\n",
		"member.service":  "[Unit]\nPartOf=mode.target\n[Service]\nExecStart=sleep 1000\n",
		"guest.service":   "[Service]\nExecStart=sleep 1000\n",
		"named.service":   "[Service]\nExecStart=sleep 1000\n",
		"alias.service":   "-> named.service",
		"other.service":   "[Unit]\nPartOf=mode.target\n[Service]\nExecStart=sleep 1000\n",
		"tenant.service":  "[Service]\nSlice=rented.slice\nExecStart=sleep 1000\n",
		"weighed.service": "[Service]\nCPUWeight=80\nExecStart=sleep 1000\n",
		"written.slice":   "[Slice]\nCPUWeight=50\n",
		"leaves.service":  "[Service]\nKillMode=process\nTimeoutStopSec=7s\nExecStart=sh -c 'sleep 1000 & exec sleep 1001' name --ranks=2\n",
		"endless.service": "[Service]\nTimeoutStopSec=infinity\nExecStart=sleep 1000\n",
	})
	for name, test := range map[string]func(*testing.T, *host.Manager){
		"tells how a service is":                 tellsState,
		"a job that is done proves nothing":      doneProvesNothing,
		"a unit that is not there is not-found":  notFound,
		"a deadline cancels the job":             deadlineCancels,
		"members are pulled in and taken along":  members,
		"limits are read, set and read back":     limitsReadBack,
		"a slice that is only a name is refused": emptySlice,
		"a service is weighed, up or down":       serviceWeight,
		"it is told apart from another boot":     stamps,
		"what a unit leaves is seen and killed":  leavings,
		"the actions run on it": func(t *testing.T, m *host.Manager) {
			t.Helper()
			theActions(t, m, files, dir)
		},
	} {
		t.Run(name, func(t *testing.T) { test(t, m) })
	}
	t.Run("units that change are told of", func(t *testing.T) { unitNews(t, m) })
	// Last, and alone: everything must be as good on a new connection.
	t.Run("a job survives daemon-reexec", func(t *testing.T) { reexec(t, m, filepath.Join(dir, "on")) })
}

func job(t *testing.T, want string) func(string, error) {
	t.Helper()
	return func(result string, err error) {
		t.Helper()
		if err != nil || result != want {
			t.Fatalf("job ended with %q, %v, want %q", result, err, want)
		}
	}
}

func state(t *testing.T, m *host.Manager, unit string) actions.UnitState {
	t.Helper()
	s, err := m.State(t.Context(), unit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tellsState(t *testing.T, m *host.Manager) {
	t.Helper()
	job(t, "done")(m.Start(t.Context(), "stays.service"))
	s := state(t, m, "stays.service")
	if s.ID != "stays.service" || s.Load != "loaded" || s.Active != "active" || s.Sub != "running" || s.Type != "simple" ||
		s.Result != "success" || !s.ConditionResult || s.MainPID == 0 || len(s.InvocationID) != 32 {
		t.Errorf("state is %+v", s)
	}
	glance(t, m, "stays.service", s)
	job(t, "done")(m.Stop(t.Context(), "stays.service"))
	if s := state(t, m, "stays.service"); s.Active != "inactive" || s.MainPID != 0 {
		t.Errorf("state is %+v", s)
	}
	want := []string{"-/nonexistent"}
	if s := state(t, m, "ai.service"); len(s.EnvironmentFiles) != 2 || s.EnvironmentFiles[0] != want[0] {
		t.Errorf("environment files are %q", s.EnvironmentFiles)
	}
}

// glance compares what one call says of the unit.
func glance(t *testing.T, m *host.Manager, unit string, s actions.UnitState) {
	t.Helper()
	want := actions.UnitState{ID: s.ID, Load: s.Load, Active: s.Active, Sub: s.Sub, Processes: -1}
	if got, err := m.Glance(t.Context(), unit); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("at a glance %s is %+v, %v, want %+v", unit, got, err, want)
	}
}

func leavings(t *testing.T, m *host.Manager) {
	t.Helper()
	service, err := m.Service(t.Context(), "leaves.service")
	want := actions.Service{KillMode: "process", StopTimeout: 7 * time.Second,
		Command: []string{"sh", "-c", "sleep 1000 & exec sleep 1001", "name", "--ranks=2"}}
	if err != nil || !reflect.DeepEqual(service, want) {
		t.Errorf("got %+v, %v", service, err)
	}
	if s, err := m.Service(t.Context(), "endless.service"); err != nil || s.StopTimeout != 0 || s.KillMode != "control-group" {
		t.Errorf("got %+v, %v", s, err)
	}
	has := func(want int) func() bool {
		return func() bool {
			list, err := m.Processes(t.Context(), "leaves.service")
			if err != nil {
				t.Fatal(err)
			}
			return len(list) == want && !slices.ContainsFunc(list, func(p actions.Process) bool { return p.PID == 0 || p.Comm != "sleep" })
		}
	}
	if !has(0)() {
		t.Error("a unit that never ran has processes")
	}
	job(t, "done")(m.Start(t.Context(), "leaves.service"))
	eventually(t, "two processes", has(2))
	job(t, "done")(m.Stop(t.Context(), "leaves.service"))
	if s := state(t, m, "leaves.service"); s.Active != "inactive" || !has(1)() {
		t.Errorf("it left nothing behind: %+v", s)
	}
	for range 2 { // twice is as good as once
		if err := m.KillAll(t.Context(), "leaves.service"); err != nil {
			t.Error(err)
		}
		eventually(t, "no process", has(0))
	}
	if err := m.KillAll(t.Context(), "nope.service"); err != nil {
		t.Error(err)
	}
	if list, err := m.Processes(t.Context(), "nope.service"); err != nil || len(list) > 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 2 * time.Minute

// eventually waits for what other processes do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not after %s: %s", patience, what)
		}
	}
}

func doneProvesNothing(t *testing.T, m *host.Manager) {
	t.Helper()
	job(t, "done")(m.Start(t.Context(), "skipped.service"))
	if s := state(t, m, "skipped.service"); s.Active != "inactive" || s.ConditionResult {
		t.Errorf("state is %+v", s)
	}
	job(t, "failed")(m.Start(t.Context(), "fails.service"))
	if s := state(t, m, "fails.service"); s.Active != "failed" || s.Result != "exit-code" {
		t.Errorf("state is %+v", s)
	}
	if err := m.ResetFailed(t.Context(), "fails.service"); err != nil {
		t.Fatal(err)
	}
	if s := state(t, m, "fails.service"); s.Active != "inactive" {
		t.Errorf("state is %+v", s)
	}
}

func notFound(t *testing.T, m *host.Manager) {
	t.Helper()
	if s := state(t, m, "nope.service"); s.Load != "not-found" {
		t.Errorf("state is %+v", s)
	} else {
		s.Sub = "dead"
		glance(t, m, "nope.service", s)
	}
	if _, err := m.Glance(t.Context(), "no unit"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("Glance: %v", err)
	}
	if _, err := m.Start(t.Context(), "nope.service"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("Start: %v", err)
	}
	if _, err := m.Members(t.Context(), "nope.target"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("Members: %v", err)
	}
}

func deadlineCancels(t *testing.T, m *host.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := m.Start(ctx, "slow.service"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error is %v", err)
	}
	job(t, "done")(m.Stop(t.Context(), "slow.service"))
	if s := state(t, m, "slow.service"); s.Active == "activating" {
		t.Errorf("state is %+v", s)
	}
}

func members(t *testing.T, m *host.Manager) {
	t.Helper()
	// A unit is known to be PartOf= a target once it is loaded.
	state(t, m, "other.service")
	got, err := m.Members(t.Context(), "mode.target")
	if err != nil || !slices.Equal(got, []string{"member.service"}) {
		t.Errorf("members are %q, %v", got, err)
	}
}

func limitsReadBack(t *testing.T, m *host.Manager) {
	t.Helper()
	now, err := m.Limits(t.Context(), "written.slice")
	if err != nil || *now.CPUWeight != 50 || *now.IOWeight != actions.Unset || *now.AllowedCPUs != "" {
		t.Fatalf("limits are %+v, %v", now, err)
	}
	action := actions.New(actions.Hands{Slices: m})["slices"]
	const want = `{"allowed-cpus":"0","cpu-quota":500000,"cpu-weight":20,"io-weight":30,"memory-high":1073741824}`
	was, err := action.Capture(t.Context(), "written.slice", want)
	if err != nil {
		t.Fatal(err)
	}
	if err := action.Do(t.Context(), "written.slice", want); err != nil {
		t.Fatal(err)
	}
	if err := action.Undo(t.Context(), "written.slice", was); err != nil {
		t.Fatal(err)
	}
	if back, err := action.Capture(t.Context(), "written.slice", want); err != nil || back != was {
		t.Errorf("after Undo %s, %v, want %s", back, err, was)
	}
}

func serviceWeight(t *testing.T, m *host.Manager) {
	t.Helper()
	weighs := func(want uint64) {
		t.Helper()
		if now, err := m.Limits(t.Context(), "weighed.service"); err != nil || now.CPUWeight == nil || *now.CPUWeight != want {
			t.Errorf("limits are %+v, %v, want the weight %d", now, err, want)
		}
	}
	weighs(80)
	if err := m.SetLimits(t.Context(), "weighed.service", actions.Limits{CPUWeight: new(uint64(10))}); err != nil {
		t.Fatal(err)
	}
	weighs(10)
	job(t, "done")(m.Start(t.Context(), "weighed.service"))
	weighs(10)
	if err := m.SetLimits(t.Context(), "weighed.service", actions.Limits{CPUWeight: new(uint64(100))}); err != nil {
		t.Fatal(err)
	}
	weighs(100)
	if _, err := m.Limits(t.Context(), "nobody.service"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("a service that is not there: %v", err)
	}
}

func emptySlice(t *testing.T, m *host.Manager) {
	t.Helper()
	if _, err := m.Limits(t.Context(), "nobody.slice"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("an empty name: %v", err)
	}
	if _, err := m.Limits(t.Context(), "rented.slice"); !errors.Is(err, actions.ErrNoUnit) {
		t.Errorf("before somebody is in it: %v", err)
	}
	job(t, "done")(m.Start(t.Context(), "tenant.service"))
	if _, err := m.Limits(t.Context(), "rented.slice"); err != nil {
		t.Errorf("with somebody in it: %v", err)
	}
}

func stamps(t *testing.T, m *host.Manager) {
	t.Helper()
	boot, userspace, err := host.Stamps(t.Context(), m)
	if err != nil || len(boot) != 32 || userspace == 0 {
		t.Errorf("stamps are %q, %d, %v", boot, userspace, err)
	}
	if (host.Machine{Manager: m}).Stopping(t.Context()) {
		t.Error("it says that it shuts down")
	}
}

func theActions(t *testing.T, m *host.Manager, files host.Files, dir string) {
	t.Helper()
	table := actions.New(actions.Hands{Units: m, Files: files, EnvDir: files.EnvDir()})
	const want = `{"state":"active","environment":{"GPUS":"GPU-1,\"GPU 2\" $x"}}`
	if err := table["units"].(fsm.Preflighter).Preflight(t.Context(), "ai.service", want); err != nil {
		t.Fatal(err)
	}
	was, err := table["units"].Capture(t.Context(), "ai.service", want)
	if err != nil {
		t.Fatal(err)
	}
	if err := table["units"].Do(t.Context(), "ai.service", want); err != nil {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(filepath.Join(dir, "seen"))
	if err != nil || string(seen) != "GPU-1,\"GPU 2\" $x\n" {
		t.Errorf("the service was given %q, %v", seen, err)
	}
	if err := table["units"].Undo(t.Context(), "ai.service", was); err != nil {
		t.Fatal(err)
	}
	if _, there, _ := files.ReadEnv("ai.service"); there || state(t, m, "ai.service").Active != "inactive" {
		t.Error("it was not undone")
	}
	for unit, says := range map[string]string{
		"dies.service": "failed (exit-code)", "skipped.service": "a condition of the unit is not met",
	} {
		err := table["units"].Do(t.Context(), unit, `{"state":"active"}`)
		if err == nil || !contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", unit, err, says)
		}
	}
	if err := table["hook"].Do(t.Context(), "once.service", `{}`); err != nil {
		t.Error(err)
	}
}

// reexec has systemd execute itself anew while a job runs, which ends when the file
// on is there.
func reexec(t *testing.T, m *host.Manager, on string) {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		got, err := m.Start(t.Context(), "while.service")
		if err == nil && got != "done" {
			err = errors.New("the job ended with " + got)
		}
		result <- err
	}()
	eventually(t, "while.service starts", func() bool { return state(t, m, "while.service").Active == "activating" })
	if err := m.Reexecute(t.Context()); err != nil {
		t.Log("reexecute:", err) // it often dies before it answers
	}
	eventually(t, "systemd answers again", func() bool {
		s, err := m.State(t.Context(), "while.service")
		return err == nil && s.Active == "activating"
	})
	if err := os.WriteFile(on, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if s := state(t, m, "while.service"); s.Active != "active" {
		t.Errorf("state is %+v", s)
	}
}
