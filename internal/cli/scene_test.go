package cli_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files")

// noon is when all scenes play.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// scene is one run of modectl against a daemon that follows a script. What it
// prints is compared with testdata/NAME.golden.
type scene struct {
	name   string
	daemon func() *manager1test.Daemon // nil: there is none
	args   string                      // split at spaces
	stdin  string
	in     bool // standard input is a terminal
	tty    bool // and so is standard output
	width  int
	env    map[string]string
	// also puts others on the bus.
	also func(t *testing.T, address string)
	// after runs beside modectl, as soon as it has printed once.
	after func(t *testing.T, address string)
	once  string
	// Ctrl-C comes when modectl has printed until.
	until string
}

// result is what came of it.
type result struct {
	code           int
	stdout, stderr string
	prompts        int32
}

func play(t *testing.T, s scene) result {
	t.Helper()
	address := manager1test.Bus(t)
	if s.daemon != nil {
		s.daemon().Serve(t, address)
	}
	if s.also != nil {
		s.also(t, address)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, errs := newPaper(), newPaper()
	var prompts atomic.Int32
	env := cli.Env{
		Args:  append([]string{"modectl"}, strings.Fields(s.args)...),
		Stdin: strings.NewReader(s.stdin), Stdout: out, Stderr: errs,
		InTTY: s.in || s.tty, OutTTY: s.tty, Width: s.width,
		Getenv: func(name string) string {
			if name == "MODECTL_BUS" {
				return address
			}
			return s.env[name]
		},
		Now: func() time.Time { return noon },
		Prompt: func(context.Context) (func(), error) {
			prompts.Add(1)
			return func() {}, nil
		},
		Remote: func(_ context.Context, host string, args []string) (int, error) {
			fmt.Fprintf(out, "on %s: %q\n", host, args)
			return 3, nil
		},
		Bridge: cli.Bridge,
	}
	var beside sync.WaitGroup
	if s.after != nil {
		beside.Go(func() {
			if out.await(ctx, s.once) {
				s.after(t, address)
			}
		})
	}
	if s.until != "" {
		beside.Go(func() {
			out.await(ctx, s.until)
			cancel()
		})
	}
	code := cli.Run(ctx, env)
	cancel()
	beside.Wait()
	return result{code, strings.ReplaceAll(out.String(), address, "ADDRESS"), errs.String(), prompts.Load()}
}

// paper is what modectl prints on, which others may read meanwhile.
type paper struct {
	mu      sync.Mutex
	text    bytes.Buffer
	printed chan struct{} // closed by the next write
}

func newPaper() *paper { return &paper{printed: make(chan struct{})} }

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.printed)
	p.printed = make(chan struct{})
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits until a text was printed.
func (p *paper) await(ctx context.Context, text string) bool {
	for {
		p.mu.Lock()
		found, printed := strings.Contains(p.text.String(), text), p.printed
		p.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-printed:
		case <-ctx.Done():
			return false
		}
	}
}

// golden compares a result with the file of that name.
func golden(t *testing.T, s scene, r result) {
	t.Helper()
	got := fmt.Sprintf("$ modectl %s\n%s", s.args, visible(r.stdout))
	if r.stderr != "" {
		got += "--- stderr\n" + visible(r.stderr)
	}
	got += fmt.Sprintf("--- exit code %d\n", r.code)
	file := filepath.Join("testdata", strings.ReplaceAll(s.name, " ", "-")+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", file, got, want)
	}
}

// visible writes escapes so that people can read a golden file.
func visible(text string) string {
	return strings.NewReplacer("\x1b[K", "␛K", "\x1b[0m", "␛0", "\x1b[", "␛", "\r", "␍").Replace(text)
}

func playAll(t *testing.T, scenes []scene) {
	t.Helper()
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			golden(t, s, play(t, s))
		})
	}
}

// machine is a daemon with some history, settled in desktop.
func machine() *manager1test.Daemon {
	last := manager1.Record{
		ID: 16, From: "studio", To: "desktop", Event: "exit_studio", Trigger: "manual", RequesterUID: 1000,
		Outcome: "settled", Mode: "desktop", Started: noon.Add(-3 * time.Hour), Finished: noon.Add(-3*time.Hour + 2*time.Second), DurationMS: 2100,
	}
	return &manager1test.Daemon{
		Properties: manager1.Properties{
			Mode: "desktop", LastTransition: last, Modes: []string{"desktop", "studio", "compute"}, Version: "1.0",
			LastVerdicts: []manager1.Verdict{passes("compute-jobs", "compute-jobs", "no job runs")},
		},
		Plans:   map[string]manager1.Plan{"compute": toCompute(), "studio": {Allowed: true, Steps: steps("target release", "audio acquire", "target acquire")}, "desktop": {Allowed: true}},
		Records: []manager1.Record{last, rolledBack(15), refusedRecord(14)},
		Modes: []manager1.ModeInfo{
			{Mode: "desktop", Summary: "Interactive workstation", Current: true, Default: true, Reachable: true, Settings: []string{"audio on", "gui on"}},
			{Mode: "studio", Summary: "Strict low-latency audio", Reachable: true, Way: []string{"studio"}, Settings: []string{"audio realtime 64/48000", "gui on"}},
			{Mode: "compute", Summary: "Headless throughput", Headless: true, Reachable: true, Way: []string{"compute"}, Settings: []string{"audio off", "gui off"}},
			{Mode: "night", Summary: "Everything off", Headless: true, Way: []string{"compute", "night"}},
		},
		NextID: 17,
	}
}

// with is the machine after a change.
func with(change func(d *manager1test.Daemon)) func() *manager1test.Daemon {
	return func() *manager1test.Daemon {
		d := machine()
		change(d)
		return d
	}
}

func lawPlan() manager1.Plan {
	return manager1.Plan{Verdicts: []manager1.Verdict{{
		Guard: "law", Kind: "law", Outcome: "deny", Code: "not-an-edge",
		Summary: "studio to compute is not an edge: go through desktop", Remedy: "modectl switch desktop",
	}}}
}

func passes(guard, kind, summary string) manager1.Verdict {
	return manager1.Verdict{Guard: guard, Kind: kind, Outcome: "pass", Code: "ok", Summary: summary, Overridable: true}
}

func recording() manager1.Verdict {
	return manager1.Verdict{
		Guard: "audio-idle", Kind: "audio", Outcome: "deny", Code: "audio-active", Summary: "REAPER is recording",
		Measured: "1 running node", Limit: "none", Remedy: "stop the take, or close REAPER", Overridable: true,
		Culprits: []manager1.Culprit{{Kind: "client", Client: "REAPER", Comm: "reaper", PID: 4711, User: "dev", UID: 1000, Detail: "recording"}},
	}
}

func blind() manager1.Verdict {
	return manager1.Verdict{
		Guard: "gpu-free", Kind: "gpu", Outcome: "unknown", Code: "no-probe", Summary: "nobody can say who holds gpu0",
		Remedy: "systemctl status moded-probe", Overridable: true,
	}
}

// steps makes steps that work; names are the keys.
func steps(names ...string) []manager1.Step {
	var list []manager1.Step
	for i, name := range names {
		kind, phase, _ := strings.Cut(name, " ")
		list = append(list, manager1.Step{
			Index: uint32(i), Name: name, Kind: kind, Phase: phase, Summary: phase + " the " + kind,
			Essential: true, Status: "pending",
		})
	}
	return list
}

func toCompute() manager1.Plan {
	list := steps("target release", "gui release", "audio release", "units/ai.service acquire", "target acquire")
	list[0].Details = []string{"stop moded-desktop.target", "stop desktop-indexer.service"}
	list[1].Irreversible = true
	list[1].Ends = []string{"session 3 of dev on seat0 (wayland)"}
	list[1].Sessions = []manager1.Session{{Session: "3", User: "dev", UID: 1000, Closes: []string{"firefox", "reaper"}}}
	list[3].Essential = false
	list[4].Background = true
	return manager1.Plan{Allowed: true, Verdicts: []manager1.Verdict{
		passes("audio-idle", "audio", "nobody plays or records"),
		{Guard: "cpu-load", Kind: "load", Outcome: "warn", Summary: "the load is not known", Measured: "", Remedy: "none is needed", Overridable: true},
	}, Steps: list}
}

func refusedPlan() manager1.Plan {
	p := toCompute()
	p.Allowed, p.Verdicts = false, []manager1.Verdict{recording(), blind(), passes("memory", "memory", "there is enough memory")}
	return p
}

func refusedRecord(id uint32) manager1.Record {
	return manager1.Record{
		ID: id, From: "desktop", To: "compute", Event: "to_compute", Trigger: "manual", Reason: "the night's jobs", RequesterUID: 1000,
		Outcome: "refused", Mode: "desktop", Message: "refused: REAPER is recording", Started: noon.Add(-30 * time.Hour), Finished: noon.Add(-30 * time.Hour),
		Verdicts: refusedPlan().Verdicts, Steps: refusedPlan().Steps, Facts: `{"user":"\u202eevil` + "\u202e" + `"}`,
	}
}

// endedSession is of a way that ended a session, as planned.
func endedSession(id uint32) manager1.Record {
	r := rolledBack(id)
	for i := range r.Steps {
		r.Steps[i].Status, r.Steps[i].Error = manager1.Done, ""
	}
	r.Outcome, r.Mode, r.Message, r.Lost, r.Override, r.Verdicts = "settled", "compute", "", nil, false, nil
	return r
}

// inBackground is of a mode that settled before its last step began.
func inBackground(id uint32) manager1.Record {
	r := endedSession(id)
	last := &r.Steps[len(r.Steps)-1]
	last.Background, last.Essential, last.Status, last.DurationMS = true, false, manager1.Pending, 0
	return r
}

func rolledBack(id uint32) manager1.Record {
	list := toCompute().Steps
	for i := range list {
		list[i].Began = noon.Add(time.Duration(i-30) * time.Second)
	}
	for i := range list {
		list[i].Status, list[i].DurationMS = "undone", 1200
	}
	list[3].Status, list[3].Error = "undone", "ai.service is not ready after 2m0s: 503"
	list[4].Status, list[4].DurationMS = "pending", 0
	return manager1.Record{
		ID: id, From: "desktop", To: "compute", Event: "to_compute", Trigger: "manual", RequesterUID: 1000,
		Outcome: "rolled-back", Mode: "desktop",
		Message: "units/ai.service acquire: ai.service is not ready after 2m0s: 503; the machine is back in desktop mode; programs of dev (session 3) were closed and cannot be restored",
		Lost:    []string{"programs of dev (session 3)"}, Started: noon.Add(-10 * time.Minute), Finished: noon.Add(-8 * time.Minute), DurationMS: 121400,
		Override: true, Verdicts: []manager1.Verdict{recording()}, Steps: list,
	}
}

func settledRecord(id uint32, to string) manager1.Record {
	return manager1.Record{ID: id, From: "desktop", To: to, Outcome: "settled", Mode: to, Message: "the machine is in " + to + " mode", DurationMS: 14200, Lost: []string{"programs of dev (session 3)"}}
}
