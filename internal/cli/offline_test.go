package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// guarded is a configuration with guards on the way to compute.
const guarded = "testdata/guarded.toml"

// evening is a machine of which everything was seen: dev records, somebody
// whose name is an attack holds a GPU, and dev holds the mode.
func evening(t *testing.T) *facts.Facts {
	t.Helper()
	f := facts.Unseen("")
	f.Process.Names = guards.NeedsOf(configuration(t).Catalog.AllGuards()).Processes
	f.At = noon
	for _, p := range f.Parts() {
		p.At = noon
	}
	f.Load.CPUs, f.Load.Load5 = 32, 4
	f.Memory.Total, f.Memory.Available = 128<<30, 103<<30
	f.Sessions.List = []facts.Session{{ID: "3", UID: 1000, User: "dev", Seat: "seat0", Class: "user", Type: "wayland", State: "active", Scope: "session-3.scope"}}
	f.Audio.Users = []facts.AudioUser{{UID: 1000, User: "dev", Running: true, Recording: 1, Nodes: []facts.AudioNode{{Class: "recording", API: "jack", Client: "REA\x1b[2JPER\u202e", State: "running"}}}}
	f.GPUs.List = []facts.GPU{{Name: "gpu0", PCI: "0000:01:00.0", Connected: true, BusyPercent: 61, Holders: []facts.Holder{
		{PID: 9, Comm: "gnome-shell", UID: 1000, User: "dev", Unit: "user@1000.service", UserUnit: "org.gnome.Shell@wayland.service", Graphics: true, BusyPercent: 1},
		{PID: 10, Comm: "x\x1b]0;evil\a", UID: 1001, User: "ann", Unit: "render.service", Compute: true, BusyPercent: 60},
	}}}
	f.Power.Mains, f.Power.Battery = true, -1
	return f
}

// write puts a value as JSON into a file.
func write(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return writeText(t, string(raw))
}

func writeText(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// offline runs modectl where there is neither daemon nor bus.
func offline(t *testing.T, args, stdin string) result {
	t.Helper()
	return play(t, scene{args: "--bus unix:path=/nonexistent/bus " + args, stdin: stdin})
}

type judged struct {
	Mode, From, Event string
	Allowed           bool
	At                time.Time
	Verdicts          []manager1.Verdict
}

func judgement(t *testing.T, r result) judged {
	t.Helper()
	var list []judged
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil || len(list) != 1 {
		t.Fatalf("exit code %d: %v:\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	return list[0]
}

func configuration(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Options{Files: []string{guarded}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// still are eyes that see the same all the time.
type still struct{ f *facts.Facts }

func (s still) Look(context.Context, guards.Needs, bool) *facts.Facts { return s.f }

// live is what the daemon's guards say about facts on the way to compute.
func live(t *testing.T, f *facts.Facts) []fsm.Verdict {
	t.Helper()
	cfg := configuration(t)
	from, _ := cfg.Catalog.Mode("desktop")
	to, _ := cfg.Catalog.Mode("compute")
	edge, _ := cfg.Catalog.Edge("desktop", "compute", "")
	return guards.New(still{f}).Judge(t.Context(), fsm.Question{
		Guards: cfg.Catalog.Guards(edge.Guards), Units: config.OwnedUnits(from, to),
		Ends: []fsm.Session{{ID: "3", UID: 1000, User: "dev", Seat: "seat0", Class: "user", Type: "wayland", Scope: "session-3.scope"}},
	}).Verdicts
}

func TestARecordIsJudgedAsTheMachineWas(t *testing.T) {
	t.Parallel()
	f := evening(t)
	r := offline(t, "guards compute --json --config "+guarded+" --facts "+write(t, f), "")
	got := judgement(t, r)
	if r.code != 3 || got.Mode != "compute" || got.From != "desktop" || got.Event != "to_compute" || got.Allowed || !got.At.Equal(noon) {
		t.Errorf("exit code %d: %+v", r.code, got)
	}
	want := map[string]fsm.Verdict{}
	for _, v := range live(t, f) {
		want[v.Guard] = v
	}
	if len(got.Verdicts) != len(want) || len(want) < 4 {
		t.Fatalf("%d verdicts, want %d", len(got.Verdicts), len(want))
	}
	for _, v := range got.Verdicts {
		w := want[v.Guard]
		same := v.Kind == w.Kind && v.Outcome == string(w.Outcome) && v.Code == w.Code && v.Summary == w.Summary &&
			v.Measured == w.Measured && v.Limit == w.Limit && v.Remedy == w.Remedy && v.Overridable == w.Overridable && len(v.Culprits) == len(w.Culprits)
		if !same {
			t.Errorf("\n got %+v\nlive %+v", v, w)
		}
	}
	if got.Verdicts[0].Outcome != "deny" || got.Verdicts[len(got.Verdicts)-1].Outcome != "pass" {
		t.Error("refusals do not come first")
	}
}

func TestARecordComesInThreeForms(t *testing.T) {
	t.Parallel()
	f := evening(t)
	raw := json.RawMessage(f.Record())
	args := "guards compute --json --config " + guarded + " --facts "
	want := judgement(t, offline(t, args+write(t, f), ""))
	for name, v := range map[string]any{
		"a status":     map[string]any{"mode": "desktop", "version": "1.0", "last-transition": map[string]any{}, "resources": map[string]any{"cpus": 32, "facts": raw}},
		"resources":    map[string]any{"cpus": 32, "facts": raw},
		"a transition": map[string]any{"id": 17, "from": "desktop", "mode": "compute", "outcome": "settled", "facts": raw},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := judgement(t, offline(t, args+write(t, v), "")); !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
			text, _ := os.ReadFile(write(t, v))
			if got := judgement(t, offline(t, args+"-", string(text))); !reflect.DeepEqual(got, want) {
				t.Errorf("through standard input:\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestHostileNamesInARecordStayInIt(t *testing.T) {
	t.Parallel()
	file := write(t, evening(t))
	for _, args := range []string{"guards compute --config ", "guards compute --json --config "} {
		r := offline(t, args+guarded+" --facts "+file, "")
		if r.code != 3 || strings.ContainsAny(r.stdout+r.stderr, "\x1b\u202e\a") || !strings.Contains(r.stdout, "PER") {
			t.Errorf("exit code %d:\n%q\n%q", r.code, r.stdout, r.stderr)
		}
	}
}

func TestAHoldInARecordRefuses(t *testing.T) {
	t.Parallel()
	f := evening(t)
	f.Audio.Users, f.GPUs.List = nil, nil
	args := "guards compute --json --config " + guarded + " --facts "
	if r := offline(t, args+write(t, f), ""); r.code != 0 {
		t.Fatalf("exit code %d:\n%s", r.code, r.stdout)
	}
	f.Holds.List = []facts.Hold{{Scope: "automatic", Who: "backup", User: "root"}}
	if r := offline(t, args+write(t, f), ""); r.code != 0 {
		t.Errorf("a hold against automatic changes refused a person's")
	}
	f.Holds.List = append(f.Holds.List, facts.Hold{Scope: "all", Who: "render", Why: "the film", User: "dev"})
	r := offline(t, args+write(t, f), "")
	if v := judgement(t, r).Verdicts[0]; r.code != 3 || v.Code != "held" || v.Summary != "dev holds the mode" || v.Overridable || v.Culprits[0].Client != "render" {
		t.Errorf("exit code %d: %+v", r.code, v)
	}
}

func TestWhatAFileDoesNotHaveIsUnknown(t *testing.T) {
	t.Parallel()
	r := offline(t, "guards compute --json --config "+guarded+" --facts -", `{"at":"2026-11-23T12:00:00Z"}`)
	got := judgement(t, r)
	if r.code != 3 || len(got.Verdicts) == 0 {
		t.Fatalf("exit code %d: %+v", r.code, got)
	}
	for _, v := range got.Verdicts {
		if v.Outcome != "unknown" {
			t.Errorf("%s: %s of facts that have nothing: %s", v.Guard, v.Outcome, v.Summary)
		}
	}
}

func TestTheEdgeIsFound(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(evening(t).Record())
	for name, c := range map[string]struct {
		args, recorded, want string
		code                 int
	}{
		"from the mode that is said":              {"desktop --from studio", "compute", "studio exit_studio", 0},
		"from the mode that was recorded":         {"desktop", "compute", "compute to_desktop", 0},
		"from the default mode":                   {"compute", "studio", "desktop to_compute", 3},
		"from the mode itself, which is no way":   {"compute", "compute", "compute ", 0},
		"from where no edge leads, which refuses": {"compute --from studio", "desktop", "studio ", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, map[string]any{"mode": c.recorded, "last-transition": map[string]any{}, "resources": map[string]any{"facts": raw}})
			r := offline(t, "guards "+c.args+" --json --config "+guarded+" --facts "+file, "")
			if got := judgement(t, r); got.From+" "+got.Event != c.want || r.code != c.code {
				t.Errorf("exit code %d, want %d: %s %s, want %s", r.code, c.code, got.From, got.Event, c.want)
			}
		})
	}
	r := offline(t, "guards compute --json --from studio --config "+guarded+" --facts -", string(raw))
	if v := judgement(t, r).Verdicts[0]; v.Kind != "law" || v.Remedy != "go through desktop" {
		t.Errorf("got %+v", v)
	}
}

func TestWhatIsWrongWithARecordIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"an unknown key":               {`{"at":"2026-11-23T12:00:00Z","load":{"cpus":1,"quantum-load":2}}`, `unknown key "quantum-load": a newer version`},
		"a newer version":              {`{"version":"9.9","last-transition":{},"resources":{"facts":{"at":"2026-11-23T12:00:00Z","dreams":{}}}}`, `unknown key "dreams": moded 9.9 wrote the file`},
		"a key that is an attack":      {`{"at":"2026-11-23T12:00:00Z","a\u001b[2J":1}`, "unknown key"},
		"a status without facts":       {`{"mode":"desktop","last-transition":{}}`, "modectl status --resources --json"},
		"a list":                       {`[{"id":1}]`, "modectl history show N --json"},
		"nothing":                      {``, "it is empty"},
		"no JSON":                      {`at: noon`, "it is no JSON"},
		"a truncated file":             {`{"at":"2026-11-23T12:00:00Z","load":{`, "it is no JSON"},
		"a word for a number":          {`{"at":"2026-11-23T12:00:00Z","load":{"cpus":"many"}}`, "load.cpus"},
		"no time":                      {`{"load":{"cpus":4}}`, "nothing was recorded"},
		"a transition without facts":   {`{"id":3,"outcome":"settled"}`, "no facts"},
		"resources without facts":      {`{"resources":{"cpus":1}}`, "no facts"},
		"the record of a huge machine": {strings.Repeat(" ", 17<<20), "16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := offline(t, "guards compute --config "+guarded+" --facts -", c.text)
			if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "\x1b") {
				t.Errorf("exit code %d, %q, want %q", r.code, r.stderr, c.want)
			}
		})
	}
}

func TestJudgingARecordReads(t *testing.T) {
	t.Parallel()
	file := write(t, evening(t))
	for _, s := range []scene{
		{name: "guards of facts", args: "guards compute --config " + guarded + " --facts FILE"},
		{name: "guards of facts to an unknown mode", args: "guards nonsense --config " + guarded + " --facts FILE"},
		{name: "guards of facts from an unknown mode", args: "guards compute --from nonsense --config " + guarded + " --facts FILE"},
		{name: "guards of facts with a bad configuration", args: "guards compute --config testdata/bad.toml --facts FILE"},
		{name: "guards of facts that are not there", args: "guards compute --facts testdata/nothing.json"},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			shown := s
			s.args = strings.Replace(s.args, "FILE", file, 1)
			golden(t, shown, play(t, s))
		})
	}
}
