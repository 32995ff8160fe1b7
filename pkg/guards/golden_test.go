package guards_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

var update = flag.Bool("update", false, "write the golden files")

// seen are eyes that show the same facts to everybody.
type seen struct{ f *facts.Facts }

func (s seen) Look(context.Context, guards.Needs, bool) *facts.Facts { return s.f }

// verdict is a row of a golden table: facts, parameters and what the plan ends.
type verdict struct {
	name   string
	params fsm.Value
	facts  facts.Facts
	ends   []fsm.Session
	units  []string
}

// golden judges each row and compares all answers with testdata/KIND.golden. Each
// answer must be one that the kind lists, and each that it lists must be given.
func golden(t *testing.T, kind string, rows []verdict) {
	t.Helper()
	var b strings.Builder
	kinds := guards.Builtin()
	k := kinds[slices.IndexFunc(kinds, func(k guards.Kind) bool { return k.Name == kind })]
	given := make([]bool, len(k.Codes))
	for _, r := range rows {
		spec := fsm.GuardSpec{Name: "g", Kind: kind, Params: r.params}
		set := guards.New(seen{&r.facts})
		j := set.Judge(context.Background(), fsm.Question{Guards: []fsm.GuardSpec{spec}, Ends: r.ends, Units: r.units})
		v := j.Verdicts[0]
		fmt.Fprintf(&b, "# %s\n%s\n", r.name, render(v))
		i := slices.IndexFunc(k.Codes, func(c guards.Code) bool { return c.Name == v.Code && c.Outcome == v.Outcome })
		if i < 0 {
			t.Errorf("%s: the kind does not list %s %s", r.name, v.Outcome, v.Code)
			continue
		}
		given[i] = true
		if (k.Codes[i].Remedy == "") != (v.Remedy == "") {
			t.Errorf("%s: the remedy is %q, and the kind lists %q", r.name, v.Remedy, k.Codes[i].Remedy)
		}
	}
	for i, c := range k.Codes {
		if !given[i] {
			t.Errorf("no row gets %s %s", c.Outcome, c.Name)
		}
	}
	path := filepath.Join("testdata", kind+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, b.String(), string(want))
}

// compare shows the first block that differs.
func compare(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n\n"), strings.Split(want, "\n\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("got:\n%s\n\nwant:\n%s", strings.Join(g[min(i, len(g)):min(i+1, len(g))], ""), strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
}

func render(v fsm.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", v.Outcome, v.Code, v.Summary)
	if v.Measured != "" || v.Limit != "" {
		fmt.Fprintf(&b, "  measured %s, limit %s\n", v.Measured, v.Limit)
	}
	for _, c := range v.Culprits {
		parts := []string{c.Kind, c.Client, c.Comm, c.User, c.Unit, c.Session, c.Detail}
		if c.PID != 0 {
			parts[2] += fmt.Sprintf("(%d)", c.PID)
		}
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		fmt.Fprintf(&b, "  - %s\n", strings.Join(parts, " | "))
	}
	if v.Remedy != "" {
		fmt.Fprintf(&b, "  remedy: %s\n", v.Remedy)
	}
	return b.String()
}
