package simulate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/modectl/moded/pkg/fsm"
)

// What modectl modes -v says of each example, a golden file each.
func TestEverySettingOfEveryExampleIsSaidInWords(t *testing.T) {
	t.Parallel()
	for example, c := range examples(t) {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			m, b := machine(t, dir), &books{}
			e := fsm.New(fsm.Config{Catalog: c.Catalog, Actions: hands(t, dir, m), Judge: nod{}, Sessions: m, Host: m, Ledger: b, History: b})
			defer func() { _ = e.Shutdown(context.WithoutCancel(t.Context())) }()
			var text strings.Builder
			for _, mode := range c.Catalog.Modes() {
				fmt.Fprintf(&text, "%s\n", mode.Name)
				for _, s := range mode.Settings {
					fmt.Fprintf(&text, "  %s %s\n", s.ID(), e.Words(s.Kind, s.Value))
				}
			}
			if strings.ContainsAny(text.String(), "{}") {
				t.Error("it is said as JSON")
			}
			golden(t, "modes/"+example+".txt", text.String())
		})
	}
}
