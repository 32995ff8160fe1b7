package journal_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/modectl/moded/internal/journal"
	"github.com/modectl/moded/pkg/fsm"
)

func TestEveryMessageIDHasACatalogEntryAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	catalog, err := os.ReadFile("../../systemd/moded.catalog")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("story.go")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`[0-9a-f]{32}`)
	for _, want := range id.FindAllString(string(source), -1) {
		if !strings.Contains(string(catalog), "-- "+want+"\n") {
			t.Errorf("%s has no entry in the catalog", want)
		}
	}
	for _, have := range regexp.MustCompile(`(?m)^-- ([0-9a-f]+)$`).FindAllStringSubmatch(string(catalog), -1) {
		if !strings.Contains(string(source), have[1]) {
			t.Errorf("the catalog explains %s, which nothing logs", have[1])
		}
	}
}

func TestTheFieldsThatTheCatalogShowsAreLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	story := journal.NewStory(zap.New(core))
	tr := fsm.Transition{ID: 7, From: "desktop", To: "compute", Outcome: fsm.RolledBack, Mode: "desktop", Message: "it broke",
		Lost: []fsm.Session{{ID: "3", User: "dev"}}}
	story.Started(tr)
	story.StepChanged(7, 3, fsm.Step{Kind: "gui", Leg: fsm.Release, Status: fsm.Failed, Problem: "no"})
	story.Finished(tr)
	story.StepEndedLate(7, 3, fsm.Step{Index: 2, Kind: "vllm", Key: "main", Leg: fsm.Acquire, Status: fsm.Done})
	if step := logs.FilterMessage("step").All(); len(step) != 1 || step[0].ContextMap()["step"] != "vllm/main acquire" || step[0].Level != zapcore.InfoLevel {
		t.Errorf("of a late step it logs %v", step)
	}
	story.ModeChanged("desktop", "compute", 7)
	story.Changed(fsm.State{Mode: "desktop", Degraded: []string{"a"}})
	story.Changed(fsm.State{Mode: "desktop", Degraded: []string{"a"}})
	if n := logs.FilterMessage("degraded").Len(); n != 1 {
		t.Errorf("degraded was logged %d times", n)
	}
	for _, entry := range logs.All() {
		fields := entry.ContextMap()
		if fields["message_id"] == nil {
			t.Errorf("%q has no message id", entry.Message)
		}
	}
	last := logs.FilterMessage("transition rolled back").All()[0].ContextMap()
	if last["transition"] != uint32(7) || last["from"] != "desktop" || last["reason"] != "it broke" || last["lost_3"] != "dev" {
		t.Errorf("fields %v", last)
	}
}

func TestNothingRawReachesAReader(t *testing.T) {
	t.Parallel()
	if got := journal.Safe("a\x1b[31mb\nc\u202ed\u200be\xff"); got != "a[31mbcde\uFFFD" {
		t.Errorf("got %q", got)
	}
}
