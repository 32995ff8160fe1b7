package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// renewed waits until the daemon has ended by itself, and starts the next one.
func (p *play) renewed() {
	p.t.Helper()
	select {
	case <-p.daemon.Gone():
	case <-time.After(patience):
		p.t.Fatal("the daemon stays")
	}
	if err := p.daemon.Err(); err != nil {
		p.t.Errorf("it ended with %v", err)
	}
	p.start()
}

func TestAnUpgradeAtRestRenewsTheDaemonAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.reach("compute")
	if err := p.daemon.Renew(); err != nil {
		t.Fatal(err)
	}
	p.renewed()
	p.settles("compute")
	p.whole("compute")
}

func TestAnUpgradeHalfWayWaitsForTheTransition(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.simulate("hang once unit start ai.service")
	id := p.request("compute")
	p.await("the step", func(e manager1.Event) bool {
		return e.Kind == manager1.EventStepChanged && strings.HasPrefix(e.Step, "units/ai.service acquire") && e.Status == manager1.Doing
	})
	if err := p.daemon.Renew(); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(patience); !strings.Contains(p.daemon.Said(), "when the transition is over"); <-time.After(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the daemon does not say that it waits")
		}
	}
	p.simulate("heal")
	p.renewed()
	p.settles("compute")
	p.whole("compute")
	if r, err := p.client.GetTransition(t.Context(), id); err != nil || r.Outcome != manager1.Settled {
		t.Errorf("transition %d: %s %q, %v; want settled", id, r.Outcome, r.Message, err)
	}
}

func TestAnInstallationOnAMachineThatHasJustBootedChangesNothing(t *testing.T) {
	t.Parallel()
	p := bare(t)
	marker := filepath.Join(p.Runtime, "adopt")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.settles("boot") // the simulated machine comes up in none of its modes
	if records, err := p.client.ListHistory(t.Context(), 0); err != nil || len(records) > 0 {
		t.Errorf("the history has %d records, %v", len(records), err)
	}
	if _, err := os.Lstat(marker); err == nil {
		t.Error("the next start would adopt, too")
	}
}
