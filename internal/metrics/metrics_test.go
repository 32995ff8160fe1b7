package metrics_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/metrics"
)

var update = flag.Bool("update", false, "write the reference")

const (
	referenceFile = "../../docs/reference/metrics.md"
	dashboardFile = "../../examples/grafana/moded.json"
)

// full has a sample of each metric, with names that try to break out.
func full() metrics.Snapshot {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	record := manager1.Record{ID: 7, From: "desktop", To: "studio", Event: "enter_studio", Trigger: "manual", Outcome: manager1.Settled,
		Finished: noon, DurationMS: 2100, Steps: []manager1.Step{
			{Name: "audio acquire", Status: manager1.Done, DurationMS: 900}, {Name: "vllm/main acquire", Status: manager1.Pending}}}
	older := record
	older.ID = 6
	holder := func(compute, graphics bool) manager1.Holder {
		return manager1.Holder{Compute: compute, Graphics: graphics}
	}
	return metrics.Snapshot{
		Properties: manager1.Properties{Mode: "transitioning", Modes: []string{"desktop", "studio"}, Version: "1.0 \"x\"\n\\",
			Degraded:     []string{"tune differs"},
			Transition:   manager1.Progress{ID: 8, From: "studio", To: "desktop", Trigger: "idle", Phase: "running", Index: 2, Of: 5},
			LastVerdicts: []manager1.Verdict{{Guard: "audio-idle", Kind: "audio", Outcome: "deny", Code: "recording"}}},
		Holds:   []manager1.HoldInfo{{Scope: "all"}, {Scope: "all"}},
		History: []manager1.Record{record, older}, Settled: []manager1.Record{record},
		Resources: &manager1.Resources{Unknown: []string{"gpus"},
			GPUs: []manager1.GPU{{GPU: "gpu0", PCI: "0000:01:00.0", BusyPercent: 50, MemoryTotal: 48 << 30, MemoryUsed: 1 << 30, Temperature: 40,
				Holders: []manager1.Holder{holder(true, false), holder(true, true), holder(false, true), holder(false, false)}},
				{GPU: "gpu1", Suspended: true}, {GPU: "gpu2", Unmeasured: "no counters"}},
			VLLM: []manager1.VLLM{{VLLM: "main", ActiveState: "active", Healthy: true, Running: 3, Waiting: 1}, {VLLM: "code", ActiveState: "active", Unknown: "silent"}}},
	}
}

func TestPrometheusReadsThePage(t *testing.T) {
	t.Parallel()
	text := metrics.Text(full())
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	for _, want := range []string{
		`moded_mode{mode="transitioning"} 1`, `moded_mode{mode="desktop"} 0`, `moded_holds{scope="all"} 2`, `moded_holds{scope="automatic"} 0`,
		`moded_transitions_total 7`, `moded_history_transitions{from="desktop",to="studio",outcome="settled",event="enter_studio",trigger="manual"} 2`,
		`moded_step_duration_seconds{from="desktop",to="studio",step="audio acquire"} 0.9`,
		`moded_last_transition_timestamp_seconds{from="desktop",to="studio",outcome="settled"} 1795435200`,
		`moded_gpu_busy_ratio{gpu="gpu0",pci="0000:01:00.0"} 0.5`, `moded_gpu_memory_bytes{gpu="gpu0",pci="0000:01:00.0"} 51539607552`,
		`moded_gpu_holders{gpu="gpu0",pci="0000:01:00.0",use="graphics"} 2`, `moded_vllm_requests{server="main",state="waiting"} 1`,
		`moded_build_info{version="1.0 \"x\"\n\\"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	for _, absent := range []string{`gpu="gpu1"`, `gpu="gpu2"`, `moded_vllm_requests{server="code"`, `step="vllm/main acquire"`} {
		if strings.Contains(text, absent) {
			t.Errorf("%s was not measured, and has a sample", absent)
		}
	}
	if len(families) < 20 {
		t.Errorf("only %d families", len(families))
	}
}

func TestADeadDaemonIsAllThatIsTold(t *testing.T) {
	t.Parallel()
	text := metrics.Text(metrics.Snapshot{Down: true})
	if !strings.HasSuffix(text, "\nmoded_up 0\n") || strings.Count(text, "\n") != 3 {
		t.Errorf("got\n%s", text)
	}
}

func TestTheReferenceIsFresh(t *testing.T) {
	t.Parallel()
	got := metrics.Reference(full())
	if *update {
		if err := os.WriteFile(referenceFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referenceFile)
	if diff := cmp.Diff(string(want), got); err != nil || diff != "" {
		t.Errorf("%v; say go test ./internal/metrics -update (-have +want):\n%s", err, diff)
	}
}

// A dashboard that asks for what nobody measures is blank, and nobody knows why.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(dashboardFile)
	if err != nil || !json.Valid(raw) {
		t.Fatalf("%v, or no JSON", err)
	}
	text := metrics.Text(full())
	asked := map[string]bool{}
	for _, name := range regexp.MustCompile(`moded_[a-z_]+`).FindAllString(string(raw), -1) {
		asked[name] = true
		if !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("the dashboard asks for %s", name)
		}
	}
	if len(asked) < 10 {
		t.Errorf("the dashboard shows %d metrics", len(asked))
	}
}
