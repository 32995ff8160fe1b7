package simulate_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/pkg/fsm"
)

var update = flag.Bool("update", false, "write the golden files")

// furniture is what the machine of an example has besides the simulated one's:
// units by their names, with their type.
var furniture = map[string]map[string]string{
	"maintenance": {"moded-maintenance.target": "", "apt-daily-upgrade.timer": ""},
	"remote-only": {"gnome-remote-desktop.service": "notify"},
}

// furnished is a machine with more units than a fresh one.
func furnished(t *testing.T, dir string, units map[string]string) *simulate.Machine {
	t.Helper()
	if len(units) == 0 {
		return machine(t, dir)
	}
	machine(t, dir)
	file := filepath.Join(dir, simulate.File)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var world, there map[string]json.RawMessage
	if err := json.Unmarshal(raw, &world); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(world["units"], &there); err != nil {
		t.Fatal(err)
	}
	for name, kind := range units {
		there[name] = json.RawMessage(fmt.Sprintf(`{"load":"loaded","active":"inactive","sub":"dead","result":"success","type":%q}`, kind))
	}
	if world["units"], err = json.Marshal(there); err == nil {
		raw, err = json.Marshal(world)
	}
	if err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return machine(t, dir)
}

// examples are the configurations by name, the embedded default among them.
func examples(t *testing.T) map[string]*config.Config {
	t.Helper()
	all := map[string]*config.Config{}
	files, err := filepath.Glob("../../examples/*.toml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		c, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.Warnings {
			t.Error(w)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".toml")] = c
	}
	if all["default"], err = config.Compile([]config.Source{config.Default()}); err != nil {
		t.Fatal(err)
	}
	return all
}

// nod lets every guard pass: a plan's steps do not depend on them.
type nod struct{}

func (nod) Judge(context.Context, fsm.Question) fsm.Judgement { return fsm.Judgement{} }

func anyone(*simulate.Machine) fsm.Judge { return nod{} }

// settledIn is an engine on a machine that has gone to the mode, by the edges.
func settledIn(t *testing.T, dir, example string, c *fsm.Catalog, judge func(*simulate.Machine) fsm.Judge, mode string) (*fsm.Engine, *simulate.Machine) {
	t.Helper()
	m, b := furnished(t, dir, furniture[example]), &books{}
	e := fsm.New(fsm.Config{
		Catalog: c, Actions: hands(t, dir, m), Judge: judge(m), Sessions: m, Host: m, Ledger: b, History: b,
	})
	if boot, err := e.Start(t.Context(), true); err != nil || !boot {
		t.Fatalf("start: %v, %v", boot, err)
	}
	if err := e.Boot(t.Context(), c.Default()); err != nil {
		t.Fatal(err)
	}
	until(t, e, c.Default())
	walk(t, e, c, mode)
	return e, m
}

// walk goes to the mode by the edges, and waits for what comes after settling.
func walk(t *testing.T, e *fsm.Engine, c *fsm.Catalog, mode string) {
	t.Helper()
	if from := e.State().Mode; from != mode {
		for _, next := range c.Way(from, mode)[1:] {
			if _, err := e.Switch(t.Context(), fsm.Request{Mode: next}); err != nil {
				t.Fatalf("%s: %v", next, err)
			}
			until(t, e, next)
			time.Sleep(time.Minute)
		}
	}
	time.Sleep(5 * time.Minute)
	if s := e.State(); len(s.Degraded) > 0 {
		t.Fatalf("%s is degraded: %q", mode, s.Degraded)
	}
}

// pairs lists what the catalog has edges for, each pair once.
func pairs(c *fsm.Catalog) map[[2]string][]fsm.Edge {
	all := map[[2]string][]fsm.Edge{}
	for _, e := range c.Edges() {
		pair := [2]string{e.From, e.To}
		all[pair] = append(all[pair], e)
	}
	return all
}

func TestGoldenPlansOfEveryEdgeOfEveryExample(t *testing.T) {
	t.Parallel()
	for example, c := range examples(t) {
		for pair, edges := range pairs(c.Catalog) {
			name := filepath.Join(example, pair[0]+"-"+pair[1]+".plan")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					e, _ := settledIn(t, dir, example, c.Catalog, anyone, pair[0])
					defer func() { _ = e.Shutdown(context.Background()) }()
					plan, err := e.Plan(t.Context(), fsm.Request{Mode: pair[1]})
					if err != nil {
						t.Fatal(err)
					}
					golden(t, filepath.Join("plans", name), render(c.Catalog, edges, plan))
				})
			})
		}
	}
}

func TestNoGoldenPlanOutlivesItsEdge(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for example, c := range examples(t) {
		for pair := range pairs(c.Catalog) {
			known[filepath.Join(example, pair[0]+"-"+pair[1]+".plan")] = true
		}
	}
	files, err := filepath.Glob("testdata/plans/*/*.plan")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name, _ := filepath.Rel("testdata/plans", file); !known[name] {
			t.Errorf("%s: no example has such an edge", file)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("it differs (-want +got), see go test ./internal/simulate -update:\n%s", diff)
	}
}

// render writes all of a plan but for what guards would say: which are asked
// stands with the edges.
func render(c *fsm.Catalog, edges []fsm.Edge, p fsm.Plan) string {
	var b strings.Builder
	for _, e := range edges {
		writeEdge(&b, c, e)
	}
	fmt.Fprintf(&b, "plan of %s, allowed %v\n", p.Event, p.Allowed)
	for _, s := range p.Ends {
		fmt.Fprintf(&b, "  ends session %s of %s (%s %s, %s)\n", s.ID, s.User, s.Class, s.Type, s.Seat)
	}
	for _, v := range p.Verdicts {
		fmt.Fprintf(&b, "  %s %s %s: %s\n", v.Outcome, v.Kind, v.Code, v.Summary)
	}
	for _, st := range p.Steps {
		mark := ""
		if st.Index == p.NoReturn {
			mark += "  <- point of no return"
		}
		if st.Background {
			mark += "  (in the background)"
		}
		fmt.Fprintf(&b, "%2d %-13s %-8s %s: %s%s\n", st.Index, st.Stage, st.Leg, strings.TrimSuffix(st.Kind+"/"+st.Key, "/"), st.Summary, mark)
		for _, d := range st.Details {
			fmt.Fprintf(&b, "%28s%s\n", "", d)
		}
	}
	return b.String()
}

func writeEdge(b *strings.Builder, c *fsm.Catalog, e fsm.Edge) {
	fmt.Fprintf(b, "%s: %s to %s", e.Event, e.From, e.To)
	if e.Through {
		b.WriteString(", through transitioning")
	}
	if e.Grace != 0 {
		fmt.Fprintf(b, ", grace %s", e.Grace)
	}
	if e.AfterCondition != 0 {
		fmt.Fprintf(b, ", after condition %s", e.AfterCondition)
	}
	b.WriteString("\n")
	if len(e.Triggers) > 0 {
		fmt.Fprintf(b, "  triggers %s\n", strings.Join(e.Triggers, ", "))
	}
	var asked []string
	for _, g := range c.Guards(e.Guards) {
		name := g.Name
		if g.LastLook {
			name += " (last look too)"
		}
		asked = append(asked, name)
	}
	if len(asked) > 0 {
		fmt.Fprintf(b, "  asks %s\n", strings.Join(asked, ", "))
	}
}
