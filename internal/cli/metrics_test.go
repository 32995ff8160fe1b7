package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func TestMetricsAreWrittenWholeAndADeadDaemonIsToldThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "moded.prom")
	for _, c := range []struct {
		name string
		scene
		want string
	}{
		{"a daemon", scene{daemon: withResources, args: "metrics --textfile " + file}, `moded_mode{mode="desktop"} 1`},
		{"none", scene{args: "metrics --textfile " + file}, "moded_up 0"},
	} {
		if r := play(t, c.scene); r.code != 0 || r.stdout+r.stderr != "" {
			t.Fatalf("%s: exit code %d: %s%s", c.name, r.code, r.stdout, r.stderr)
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), c.want+"\n") {
			t.Errorf("%s: %v:\n%s", c.name, err, text)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
		if err != nil || families["moded_up"] == nil {
			t.Errorf("%s: Prometheus cannot read it: %v", c.name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
