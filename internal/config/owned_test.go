package config_test

import (
	"slices"
	"testing"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

func TestOwnedUnitsAreThoseThatTheActionsName(t *testing.T) {
	t.Parallel()
	kinds := actions.New(actions.Hands{})
	for _, file := range []string{"../../examples/workstation.toml", "../../examples/minimal.toml", "../simulate/config.toml"} {
		cfg, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range cfg.Catalog.Modes() {
			var want []string
			for _, s := range m.Settings {
				if a, ok := kinds[s.Kind].(fsm.Manager); ok {
					want = append(want, a.Units(s.Key, s.Value)...)
				}
			}
			slices.Sort(want)
			if got := config.OwnedUnits(m); !slices.Equal(got, slices.Compact(want)) {
				t.Errorf("%s, %s: got %q, want %q", file, m.Name, got, want)
			}
		}
	}
}
