package draw_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/draw"
	"github.com/modectl/moded/pkg/fsm"
)

var update = flag.Bool("update", false, "write the golden pictures")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if diff := cmp.Diff(string(want), got); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
	}
}

// wellFormed fails on what no browser would show.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func catalog(t *testing.T) *fsm.Catalog {
	t.Helper()
	c, err := fsm.NewCatalog(fsm.CatalogSpec{Default: "desktop",
		Modes:  []fsm.Mode{{Name: "desktop"}, {Name: "studio"}, {Name: "compute", Headless: true}, {Name: "remote-only"}},
		Guards: []fsm.GuardSpec{{Name: "audio-idle", Kind: "audio"}, {Name: "gpu-free", Kind: "gpu"}},
		Edges: []fsm.Edge{
			{Event: "enter_studio", From: "desktop", To: "studio"}, {Event: "exit_studio", From: "studio", To: "desktop"},
			{Event: "enforced_exit", From: "studio", To: "desktop", Triggers: []string{"pipewire-gone"}},
			{Event: "to_compute", From: "desktop", To: "compute", Through: true, Triggers: []string{"manual", "idle"}, Guards: []string{"audio-idle", "gpu-free"}},
			{Event: "to_desktop", From: "compute", To: "desktop", Through: true},
			{Event: "go_away", From: "desktop", To: "remote-only"}, {Event: "come_back", From: "remote-only", To: "desktop"},
		}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestModesAreDrawnInThreeLanguages(t *testing.T) {
	t.Parallel()
	d := draw.Diagram{Catalog: catalog(t), Current: "desktop", Blocked: map[string][]string{"compute": {"audio-idle", "gpu-free"}}}
	golden(t, "modes.mmd", d.Mermaid())
	golden(t, "modes.dot", d.DOT())
	golden(t, "modes.svg", d.SVG())
	wellFormed(t, d.SVG())
	for name, picture := range map[string]string{"Mermaid": d.Mermaid(), "DOT": d.DOT(), "SVG": d.SVG()} {
		if !strings.Contains(picture, "blocked by audio-idle, gpu-free") {
			t.Errorf("%s does not say what blocks", name)
		}
	}
}

// What blocks people keeps nobody from an edge that asks other guards, or none.
func TestAnEdgeThatBeginsByItselfIsBlockedByItsOwnGuardsOnly(t *testing.T) {
	t.Parallel()
	d := draw.Diagram{Catalog: catalog(t), Current: "studio", Blocked: map[string][]string{"desktop": {"calm"}}}
	if text := d.Mermaid(); strings.Count(text, "blocked by") != 1 || !strings.Contains(text, "exit_studio (blocked by calm)") {
		t.Errorf("got\n%s", text)
	}
}

func TestNothingIsLitWithoutADaemonOrOnTheWay(t *testing.T) {
	t.Parallel()
	for _, current := range []string{"", fsm.Transitioning} {
		d := draw.Diagram{Catalog: catalog(t), Current: current}
		for name, picture := range map[string]string{"Mermaid": d.Mermaid(), "DOT": d.DOT(), "SVG": d.SVG()} {
			if strings.Contains(picture, `fill="#22aa77" stroke`) || strings.Contains(picture, "fillcolor") || strings.Contains(picture, "classDef") {
				t.Errorf("%s of %q lights something up", name, current)
			}
		}
	}
}

func record() manager1.Record {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	return manager1.Record{ID: 17, From: "desktop", To: "compute", Outcome: manager1.RolledBack, Started: noon, Finished: at(95_000),
		Message: `units/"ai" <acquire>: it is not ready & the machine is back in desktop mode`,
		Steps: []manager1.Step{
			{Name: "units/k3s.service release", Summary: "stop k3s.service", Status: manager1.Undone, Began: at(31_000), DurationMS: 4000, UndoBegan: at(80_000), UndoMS: 9000},
			{Name: "vllm/main release", Summary: "drain vLLM", Status: manager1.Undone, Began: at(31_000), DurationMS: 12_500, UndoBegan: at(79_000), UndoMS: 1000},
			{Name: "gui release", Summary: "end the GUI", Irreversible: true, Status: manager1.Undone, Began: at(43_500), DurationMS: 6500, UndoBegan: at(71_000), UndoMS: 8000},
			{Name: "units/ai.service acquire", Status: manager1.Undone, Error: "not ready <after> 20 s", Began: at(50_000), DurationMS: 20_000, UndoBegan: at(70_000), UndoMS: 1000},
			{Name: "target acquire", Status: manager1.Pending},
		}}
}

func TestATimelineShowsWhatWasDoneAndTakenBack(t *testing.T) {
	t.Parallel()
	svg := draw.Timeline(record())
	golden(t, "timeline.svg", svg)
	wellFormed(t, svg)
	if strings.Contains(svg, "target acquire") || strings.Count(svg, "taken back: ") != 4 {
		t.Errorf("got\n%s", svg)
	}
}

func TestATimelineOfNothingIsAPictureToo(t *testing.T) {
	t.Parallel()
	wellFormed(t, draw.Timeline(manager1.Record{ID: 3, Outcome: manager1.Refused}))
	open := record()
	open.Finished, open.Steps = time.Time{}, open.Steps[:1]
	open.Steps[0].UndoMS, open.Steps[0].Status = 0, manager1.Doing
	wellFormed(t, draw.Timeline(open))
}
