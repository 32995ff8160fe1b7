package actions_test

import (
	"testing"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

func TestAWeightThatNobodyHasSetIsTheKernelsOwn(t *testing.T) {
	t.Parallel()
	heavy, unset := uint64(400), actions.Unset
	for name, c := range map[string]struct {
		has  *uint64
		want fsm.Value
		like bool
	}{
		"unset, and the default is wanted": {&unset, `{"cpu-weight":100}`, true},
		"unset, and less is wanted":        {&unset, `{"cpu-weight":20}`, false},
		"set, and the default is wanted":   {&heavy, `{"cpu-weight":100}`, false},
		"set as wanted":                    {&heavy, `{"cpu-weight":400}`, true},
	} {
		m := actionstest.New()
		m.Limits["system.slice"] = actions.Limits{CPUWeight: c.has}
		adopter := actions.New(m.Hands())["slices"].(fsm.Adopter)
		if ok, err := adopter.Resembles(t.Context(), "system.slice", c.want); err != nil || ok != c.like {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
	}
}
