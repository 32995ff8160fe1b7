package actions_test

import (
	"errors"
	"testing"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// dark are files of which nobody can tell whether they are there.
type dark struct{ actions.Files }

func (dark) Denied(string) (bool, error) { return false, errors.New("input/output error") }

func TestAGateThatCannotBeSeenIsNamed(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		key, unit string
		want      fsm.Value
	}{
		"gui":  {"", "display-manager.service", guiOn},
		"k3s":  {"", "k3s.service", k3sWant("full")},
		"vllm": {"main", "vllm.service", vllmOff},
		"gate": {"ai.service", "ai.service", `{}`},
	} {
		m := workstation()
		m.Add("k3s.service", "notify", "active")
		m.Add("vllm.service", "exec", "active")
		hands := m.Hands()
		hands.Files = dark{hands.Files}
		err := actions.New(hands)[kind].Do(t.Context(), test.key, test.want)
		if says := "cannot look at the gate of " + test.unit + ": input/output error"; err == nil || err.Error() != says {
			t.Errorf("%s: it says %v, want %s", kind, err, says)
		}
	}
}
