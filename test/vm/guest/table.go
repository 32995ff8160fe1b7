package main

import (
	"slices"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// scenario is one row of the table. All but the last of its parts end the
// boot that they run in.
type scenario struct {
	lab.Info
	parts []func(*T)
}

// table lists all scenarios in the order in which one machine runs them.
func table() []scenario {
	return slices.Concat(selfScenarios(), bootScenarios(), computeScenarios(), eyesScenarios(), captureScenarios(), handsScenarios(), triggerScenarios(), guiScenarios(), targetScenarios(), transitionScenarios(), benchScenarios(), vllmScenarios(), gpuScenarios(), modesScenarios(), k3sScenarios(), audioScenarios(), polkitScenarios(), killScenarios(), debScenarios())
}

// find finds a scenario by its name.
func find(name string) (scenario, bool) {
	all := table()
	i := slices.IndexFunc(all, func(s scenario) bool { return s.Name == name })
	if i < 0 {
		return scenario{}, false
	}
	return all[i], true
}

// infos is the table as the host wants it.
func infos() []lab.Info {
	var out []lab.Info
	for _, s := range table() {
		out = append(out, s.Info)
	}
	return out
}

// short makes a row of vm-test that shares a boot.
func short(name string, seconds int, f func(*T)) scenario {
	return scenario{lab.Info{Name: name, Expected: time.Duration(seconds) * time.Second}, []func(*T){f}}
}
