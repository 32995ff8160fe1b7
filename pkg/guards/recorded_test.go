package guards_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// recordable are guards of kinds that read lists of what was asked for.
var recordable = []fsm.GuardSpec{
	{Name: "quiet", Kind: "process", Params: `{"names":["reaper"]}`},
	{Name: "ssh", Kind: "unit", Params: `{"names":["ssh.service"]}`},
	{Name: "load", Kind: "load", Final: true},
	{Name: "room", Kind: "memory", WarnUnknown: true},
	{Name: "broken", Kind: "load", Params: `{"window":"9m"}`},
}

func recordedFacts() *facts.Facts {
	f := facts.Unseen(facts.NotAsked)
	f.At = time.Unix(1790000000, 0)
	f.Load = facts.Load{CPUs: 4, Load5: 9}
	f.Process = facts.Processes{Names: []string{"ardour", "reaper"}, List: []facts.Process{{PID: 7, Comm: "reaper", User: "dev"}}}
	f.Units = facts.Units{List: []facts.Unit{{Name: "ssh.service", Load: "loaded", Active: "active"}}}
	return f
}

func TestRecordedFactsAreJudgedAsTheMachineWas(t *testing.T) {
	t.Parallel()
	live := guards.New(seen{recordedFacts()}).Judge(context.Background(), fsm.Question{Guards: recordable})
	var read facts.Facts
	if err := json.Unmarshal(live.Facts, &read); err != nil {
		t.Fatal(err)
	}
	got := guards.Recorded(recordable, &read, guards.Asked{Now: read.At})
	if !reflect.DeepEqual(got, live.Verdicts) {
		t.Errorf("\n got %+v\nlive %+v", got, live.Verdicts)
	}
	for i, want := range []fsm.Outcome{fsm.Deny, fsm.Deny, fsm.Deny, fsm.Warn, fsm.Unknown} {
		if got[i].Outcome != want {
			t.Errorf("%s: %s, want %s: %s", got[i].Guard, got[i].Outcome, want, got[i].Summary)
		}
	}
}

func TestWhatNobodyLookedForIsUnknownInARecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec fsm.GuardSpec
		want string
	}{
		"a program": {fsm.GuardSpec{Kind: "process", Params: `{"names":["ardour","bitwig"]}`}, "the program bitwig"},
		"a unit":    {fsm.GuardSpec{Kind: "unit", Params: `{"names":["cups.service"]}`}, "the unit cups.service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := recordedFacts()
			v := guards.Recorded([]fsm.GuardSpec{c.spec}, f, guards.Asked{Now: f.At})[0]
			if v.Outcome != fsm.Unknown || !strings.Contains(v.Summary, c.want) {
				t.Errorf("%s: %s", v.Outcome, v.Summary)
			}
			if !f.Process.Known() || !f.Units.Known() {
				t.Error("judging changed the facts")
			}
		})
	}
}

func TestNeedsOfGuardsAreTheirUnion(t *testing.T) {
	t.Parallel()
	n := guards.NeedsOf(recordable)
	if !n.Load || !n.Memory || n.Audio || strings.Join(n.Processes, " ") != "reaper" || strings.Join(n.Units, " ") != "ssh.service" {
		t.Errorf("got %+v", n)
	}
}
