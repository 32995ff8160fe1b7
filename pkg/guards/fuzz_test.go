package guards_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// shown are eyes whose facts are changed between two looks.
type shown struct{ f *facts.Facts }

func (s *shown) Look(context.Context, guards.Needs, bool) *facts.Facts { return s.f }

// FuzzJudgeFacts judges whatever can be read as facts by every kind: none breaks,
// none passes what it does not see, none shows what could move a cursor. What is
// read goes over the facts of a quiet machine when quiet is set, so that the rest
// is sane.
func FuzzJudgeFacts(f *testing.F) {
	for _, name := range machines {
		raw := recorded(f, name)
		f.Add(false, raw)
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil {
			f.Fatal(err)
		}
		for part, text := range parts {
			f.Add(true, fmt.Appendf(nil, "{%q:%s}", part, text))
		}
	}
	calm := recorded(f, "quiet")
	eyes := &shown{}
	set := guards.New(eyes)
	f.Fuzz(func(t *testing.T, quiet bool, raw []byte) {
		var seen facts.Facts
		if quiet {
			if err := json.Unmarshal(calm, &seen); err != nil {
				t.Fatal(err)
			}
		}
		var syntax *json.SyntaxError
		if err := json.Unmarshal(raw, &seen); errors.As(err, &syntax) {
			return
		}
		eyes.f = &seen
		for i, v := range set.Judge(t.Context(), everyQuestion).Verdicts {
			checkVerdict(t, everyGuard[i], v, &seen)
		}
	})
}

// FuzzJudgeDrawnFacts is the same for facts that are drawn from pools of values
// that meet.
func FuzzJudgeDrawnFacts(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		seen := anyFacts(t)
		for i, v := range judged(seen) {
			checkVerdict(t, everyGuard[i], v, seen)
		}
	}))
}

// machines are those of which there are recorded facts.
var machines = []string{"quiet", "busy", "dark"}

// recorded is the JSON of a machine, without spaces.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "facts", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := json.Compact(&small, raw); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return small.Bytes()
}

func TestWholeMachinesAreJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want fsm.Outcome
		// but are guards that say otherwise, as their parameters have it.
		but map[string]fsm.Outcome
	}{
		"quiet": {fsm.Pass, map[string]fsm.Outcome{"gpu-strict": fsm.Deny, "unit-active": fsm.Deny, "process": fsm.Deny}},
		"busy": {fsm.Deny, map[string]fsm.Outcome{
			"load": fsm.Pass, "load-psi": fsm.Pass, "memory": fsm.Pass, "memory-needs": fsm.Pass, "time": fsm.Pass, "unit": fsm.Pass, "gpu-memory": fsm.Unknown,
		}},
		"dark": {fsm.Unknown, map[string]fsm.Outcome{"time": fsm.Pass}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f facts.Facts
			if err := json.Unmarshal(recorded(t, name), &f); err != nil {
				t.Fatal(err)
			}
			for _, v := range judged(&f) {
				want := c.want
				if other, is := c.but[v.Guard]; is {
					want = other
				}
				if v.Outcome != want {
					t.Errorf("%s says %s, want %s: %s", v.Guard, v.Outcome, want, v.Summary)
				}
			}
		})
	}
}
