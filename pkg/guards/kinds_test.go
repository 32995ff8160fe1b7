package guards_test

import (
	"testing"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

var dark = facts.Part{Unknown: "moded-probe did not answer in time"}

func TestVerdictsOfLoad(t *testing.T) {
	t.Parallel()
	quiet := facts.Facts{Load: facts.Load{CPUs: 8, Load1: 7, Load5: 1, Load15: 4}}
	tense := facts.Facts{Load: facts.Load{CPUs: 8, PSI: &facts.Pressure{Avg60: 40, Avg300: 2}}}
	golden(t, "load", []verdict{
		{name: "a calm machine passes", facts: quiet},
		{name: "a shorter window sees the build", params: `{"window":"1m"}`, facts: quiet},
		{name: "a longer window with a low limit", params: `{"window":"15m","max-per-cpu":0.4}`, facts: quiet},
		{name: "pressure over a minute denies", params: `{"window":"1m","psi":30}`, facts: tense},
		{name: "pressure over five minutes passes", params: `{"window":"5m","psi":30}`, facts: tense},
		{name: "a calm load is not enough when pressure is high", params: `{"window":"1m","psi":30,"max-per-cpu":9}`, facts: tense},
		{name: "pressure that is seen denies, whatever else is dark", params: `{"window":"1m","psi":30}`, facts: facts.Facts{Load: facts.Load{PSI: tense.Load.PSI}}},
		{name: "a kernel without pressure figures is unknown", params: `{"psi":30}`, facts: quiet},
		{name: "load that is not seen is unknown", facts: facts.Facts{Load: facts.Load{Part: dark}}},
		{name: "no CPUs are not a division by zero", facts: facts.Facts{}},
	})
}

func TestVerdictsOfMemory(t *testing.T) {
	t.Parallel()
	m := func(available uint64, psi *facts.Pressure) facts.Facts {
		return facts.Facts{Memory: facts.Memory{Total: 64 << 30, Available: available, PSI: psi}}
	}
	golden(t, "memory", []verdict{
		{name: "enough memory passes", facts: m(8<<30, nil)},
		{name: "memory below the floor denies", params: `{"floor":"12GiB"}`, facts: m(8<<30, nil)},
		{name: "exactly the floor passes", params: `{"floor":"8GiB"}`, facts: m(8<<30, nil)},
		{name: "what the target needs is taken off", params: `{"floor":"1GiB","needs":"6GiB"}`, facts: m(8<<30, nil)},
		{name: "what the target needs and the floor together are too much", params: `{"floor":"4GiB","needs":"6GiB"}`, facts: m(8<<30, nil)},
		{name: "the target needs more than there is", params: `{"needs":"16GiB"}`, facts: m(8<<30, nil)},
		{name: "the largest sizes do not go around", params: `{"floor":"8388607TiB","needs":"8388607TiB"}`, facts: m(8<<30, nil)},
		{name: "pressure denies", params: `{"psi":5}`, facts: m(8<<30, &facts.Pressure{Avg60: 12.34})},
		{name: "pressure that is not kept is unknown", params: `{"psi":5}`, facts: m(8<<30, nil)},
		{name: "memory that is not seen is unknown", facts: facts.Facts{Memory: facts.Memory{Part: dark}}},
	})
}

func TestVerdictsOfProcess(t *testing.T) {
	t.Parallel()
	f := facts.Facts{Process: facts.Processes{List: []facts.Process{
		{PID: 11, Comm: "reaper", UID: 1000, User: "dev", Unit: "session-3.scope", Session: "3"},
		{PID: 12, Comm: "\x1b[31mbitwig", Exe: "bitwig-studio", UID: 1001, User: "ann", Unit: "user@1001.service", UserUnit: "app-bitwig.scope"},
		{PID: 13, Comm: "a-very-long-pro", UID: 0, Unit: "ai.service"},
	}}}
	golden(t, "process", []verdict{
		{name: "a named program denies", params: `{"names":["reaper"]}`, facts: f},
		{name: "two of them are both named", params: `{"names":["reaper","bitwig-studio"]}`, facts: f},
		{name: "other users do not count", params: `{"names":["reaper"],"users":["ann"]}`, facts: f},
		{name: "a user may be a number", params: `{"names":["bitwig-studio"],"users":["1001"]}`, facts: f},
		{name: "other units do not count", params: `{"names":["reaper"],"units":["app-bitwig.scope"]}`, facts: f},
		{name: "a name is cut as the kernel cuts it", params: `{"names":["a-very-long-program"]}`, facts: f},
		{name: "what the plan stops is not in the way", params: `{"names":["a-very-long-program"]}`, facts: f, units: []string{"ai.service"}},
		{name: "what the plan's session runs is", params: `{"names":["reaper"]}`, facts: f, ends: []fsm.Session{{ID: "3"}}},
		{name: "one that is seen among processes that are not denies", params: `{"names":["reaper"]}`, facts: facts.Facts{Process: facts.Processes{Part: dark, List: f.Process.List}}},
		{name: "Nix wraps programs", params: `{"names":["bitwig-studio"]}`, facts: facts.Facts{Process: facts.Processes{List: []facts.Process{{PID: 5, Comm: ".bitwig-studio-"}}}}},
		{name: "a version does not hide a program", params: `{"names":["ardour"]}`, facts: facts.Facts{Process: facts.Processes{List: []facts.Process{{PID: 5, Comm: "ardour-8.12.0"}}}}},
		{name: "another program that begins alike is not meant", params: `{"names":["ardour"]}`, facts: facts.Facts{Process: facts.Processes{List: []facts.Process{{PID: 5, Comm: "ardour-request"}}}}},
		{name: "processes that are not seen are unknown", params: `{"names":["reaper"]}`, facts: facts.Facts{Process: facts.Processes{Part: dark}}},
	})
}

func TestVerdictsOfUnit(t *testing.T) {
	t.Parallel()
	f := facts.Facts{Units: facts.Units{List: []facts.Unit{
		{Name: "backup.service", Load: "loaded", Active: "active"},
		{Name: "dead.service", Load: "loaded", Active: "failed"},
		{Name: "gone.service", Load: "not-found", Active: "inactive"},
		{Name: "slow.service", Load: "loaded", Active: "activating"},
	}}}
	golden(t, "unit", []verdict{
		{name: "an active unit denies", params: `{"names":["dead.service","backup.service"]}`, facts: f},
		{name: "failed and missing are inactive", params: `{"names":["dead.service","gone.service"]}`, facts: f},
		{name: "a starting unit is not inactive", params: `{"names":["slow.service"]}`, facts: f},
		{name: "nor is it active", params: `{"names":["slow.service"],"state":"active"}`, facts: f},
		{name: "an active unit passes where it must be", params: `{"names":["backup.service"],"state":"active"}`, facts: f},
		{name: "a missing unit is not active", params: `{"names":["gone.service"],"state":"active"}`, facts: f},
		{name: "a unit whose state is empty is unknown", params: `{"names":["odd.service"]}`, facts: facts.Facts{Units: facts.Units{List: []facts.Unit{{Name: "odd.service", Load: "loaded"}}}}},
		{name: "what is seen to run denies, whatever else is dark", params: `{"names":["backup.service"]}`, facts: facts.Facts{Units: facts.Units{Part: dark, List: f.Units.List}}},
		{name: "a unit that nobody looked at is unknown", params: `{"names":["other.service"]}`, facts: f},
		{name: "units that are not seen are unknown", params: `{"names":["a.service"]}`, facts: facts.Facts{Units: facts.Units{Part: dark}}},
	})
}
