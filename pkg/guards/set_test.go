package guards_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// eyes are told what they were asked.
type eyes struct {
	asked guards.Needs
	fresh bool
	show  func() *facts.Facts
}

func (e *eyes) Look(_ context.Context, n guards.Needs, fresh bool) *facts.Facts {
	e.asked, e.fresh = n, fresh
	return e.show()
}

func TestAllGuardsAreAskedAndLookedForOnce(t *testing.T) {
	t.Parallel()
	e := &eyes{show: func() *facts.Facts {
		return &facts.Facts{Load: facts.Load{CPUs: 1, Load5: 9}, Memory: facts.Memory{Available: 1 << 40}}
	}}
	j := guards.New(e).Judge(context.Background(), fsm.Question{Fresh: true, Units: []string{"ai.service"}, Guards: []fsm.GuardSpec{
		{Name: "cpu", Kind: "load", Final: true},
		{Name: "no-reaper", Kind: "process", Params: `{"names":["reaper"]}`},
		{Name: "free", Kind: "gpu", Params: `{"window":"30s"}`},
		{Name: "mem", Kind: "memory"},
		{Name: "broken", Kind: "nonsense"},
	}})
	var got []string
	for _, v := range j.Verdicts {
		got = append(got, v.Guard+" "+string(v.Outcome))
	}
	want := "cpu deny, no-reaper pass, free pass, mem pass, broken unknown"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	if j.Verdicts[0].Overridable || !j.Verdicts[1].Overridable {
		t.Error("overridable is not what the configuration says")
	}
	n := e.asked
	if !e.fresh || !n.Load || !n.Memory || !n.GPU || !n.Usage || n.Audio || n.Window != 30*time.Second ||
		strings.Join(n.Processes, " ") != "reaper" || strings.Join(n.Units, " ") != "ai.service" {
		t.Errorf("the eyes were asked for %+v, fresh %v", n, e.fresh)
	}
	if !json.Valid(j.Facts) || len(j.Facts) > facts.MaxRecord {
		t.Error("the record is no JSON, or too long")
	}
}

func TestBrokenEyesAreUnknown(t *testing.T) {
	t.Parallel()
	for name, show := range map[string]func() *facts.Facts{
		"eyes that panic":      func() *facts.Facts { panic("boo") },
		"eyes that return nil": func() *facts.Facts { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var specs []fsm.GuardSpec
			for _, k := range guards.Builtin() {
				specs = append(specs, fsm.GuardSpec{Name: k.Name, Kind: k.Name, Params: least(k)})
			}
			for _, v := range guards.New(&eyes{show: show}).Judge(context.Background(), fsm.Question{Guards: specs}).Verdicts {
				if v.Kind == "time-window" {
					continue // needs nothing but the moment, which is known
				}
				if v.Outcome != fsm.Unknown || v.Remedy == "" {
					t.Errorf("%s says %s (%s)", v.Kind, v.Outcome, v.Summary)
				}
			}
		})
	}
}

func TestAnUnknownMayOnlyWarn(t *testing.T) {
	t.Parallel()
	blind := &eyes{show: func() *facts.Facts { return nil }}
	j := guards.New(blind).Judge(context.Background(), fsm.Question{Guards: []fsm.GuardSpec{{Name: "m", Kind: "memory", WarnUnknown: true}}})
	if v := j.Verdicts[0]; v.Outcome != fsm.Warn || v.Code != "memory-unknown" {
		t.Errorf("got %s %s", v.Outcome, v.Code)
	}
}

// least returns the fewest parameters that a kind takes.
func least(k guards.Kind) fsm.Value {
	for _, p := range k.Params {
		if p.Name == "names" {
			return `{"names":["x.service"]}`
		}
	}
	return ""
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind         string
		params       fsm.Value
		param, words string
	}{
		"a kind that is not known lists those that are":  {"lod", "", "", "audio, compute-jobs, daw, gpu, gpu-memory, holds, load, memory, power, process, time-window, unit, user-jobs, vllm-yield"},
		"a parameter that is not known lists the others": {"load", `{"windw":"5m"}`, "windw", "window, max-per-cpu, psi"},
		"a duration must be one that the kernel keeps":   {"load", `{"window":"2m"}`, "window", "1m0s"},
		"a duration is text":                             {"load", `{"window":5}`, "window", `"10s"`},
		"a number has bounds":                            {"load", `{"psi":101}`, "psi", "between 0 and 100"},
		"a size has a unit that is known":                {"memory", `{"floor":"4 gigs"}`, "floor", `"4GiB"`},
		"a size is not negative":                         {"memory", `{"floor":"-1G"}`, "floor", `"4GiB"`},
		"a guard without names guards nothing":           {"process", `{}`, "names", "at least one"},
		"a path is not a name":                           {"process", `{"names":["/bin/sh"]}`, "names", "not paths"},
		"null is not a value":                            {"gpu", `{"strict":null}`, "strict", "true or false"},
		"a state is one of two":                          {"unit", `{"names":["a.service"],"state":"up"}`, "state", "inactive, active"},
		"a unit has a suffix":                            {"unit", `{"names":["a"]}`, "names", "suffix"},
		"parameters are a table":                         {"audio", `[]`, "", "a table"},
		"a size that needs more than there can be":       {"memory", `{"needs":"9999999999TiB"}`, "needs", `"4GiB"`},
		"a count is whole":                               {"compute-jobs", `{"max-requests":0.5}`, "max-requests", "whole number"},
		"a count is not negative":                        {"vllm-yield", `{"max-requests":-1}`, "max-requests", "between 0"},
		"a charge has bounds":                            {"power", `{"min-battery":101}`, "min-battery", "between 0 and 100"},
		"a time is of the clock":                         {"time-window", `{"from":"25:00"}`, "from", `"22:30"`},
		"a time has two digits of minutes":               {"time-window", `{"from":"22"}`, "from", `"22:30"`},
		"a window has a length":                          {"time-window", `{"from":"10:00","to":"10:00"}`, "to", "must differ"},
		"a window does not begin after the day":          {"time-window", `{"from":"24:00","to":"06:00"}`, "to", "before 24:00"},
		"a day is abbreviated":                           {"time-window", `{"days":["monday"]}`, "days", "sun, mon"},
		"a scope is one of two":                          {"holds", `{"scope":"some"}`, "scope", "all, automatic"},
		"DAWs are names, not paths":                      {"daw", `{"programs":["/opt/reaper"]}`, "programs", "not paths"},
		"no DAWs guard nothing":                          {"daw", `{"programs":[]}`, "programs", "at least one"},
		"a web interface has an address":                 {"daw", `{"reaper-web":"8080"}`, "reaper-web", `"http://127.0.0.1:8080"`},
		"a web interface is on this machine":             {"daw", `{"reaper-web":"http://example.com:8080"}`, "reaper-web", "on this machine"},
		"a password would be told to all":                {"daw", `{"reaper-web":"http://me:secret@127.0.0.1:8080"}`, "reaper-web", "everybody may read"},
		"a busy process is positive":                     {"user-jobs", `{"busy-percent":-1}`, "busy-percent", "between 0"},
		"a process that idles is not busy":               {"user-jobs", `{"busy-percent":9}`, "busy-percent", "at least 10"},
		"a guard that ignores the empty name is wrong":   {"user-jobs", `{"ignore":[""]}`, "ignore", "empty name"},
		"a unit that may keep memory has a name":         {"gpu-memory", `{"ignore-units":"a.service"}`, "ignore-units", "list of names"},
		"the audio guard has no parameters":              {"audio", `{"x":1}`, "x", "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := guards.Check(fsm.GuardSpec{Name: "g", Kind: c.kind, Params: c.params})
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("got %v, want it to say %q", err, c.words)
			}
			var pe *guards.ParamError
			if errors.As(err, &pe) != (c.param != "") || pe != nil && pe.Param != c.param {
				t.Errorf("blames %v, want %q", pe, c.param)
			}
		})
	}
}

func TestTheTableTakesWhatItLists(t *testing.T) {
	t.Parallel()
	for _, k := range guards.Builtin() {
		for _, p := range k.Params {
			example := map[guards.Type]string{
				guards.Duration: `"5m"`, guards.Size: `"1GiB"`, guards.Number: "1", guards.Percent: "5",
				guards.Flag: "true", guards.Names: `["a.service"]`, guards.Word: p.Default,
				guards.Count: "3", guards.Clock: `"12:00"`, guards.Address: `"http://127.0.0.1:8080"`,
			}[p.Type]
			if p.Name == "days" {
				example = `["mon"]`
			}
			if p.Default != "" {
				example = p.Default
			}
			object := `{"` + p.Name + `":` + example
			if p.Name != "names" && least(k) != "" {
				object += `,"names":["x.service"]`
			}
			if err := guards.Check(fsm.GuardSpec{Kind: k.Name, Params: fsm.Value(object + "}")}); err != nil {
				t.Errorf("%s does not take its own %s = %s: %v", k.Name, p.Name, example, err)
			}
		}
	}
}
