package host_test

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/pkg/facts"
)

func TestInhibitorsAreThoseOfOthersAndClean(t *testing.T) {
	t.Parallel()
	fake, client := fakeLogind(t)
	if none := client.Inhibitors(t.Context()); !none.Known() || len(none.List) != 0 {
		t.Errorf("there are %+v", none)
	}
	fake.locks = []lock{
		{"shutdown:sleep", "dnf", "Transaction", "block", 0, 77},
		{"shutdown:sleep", "moded", "a mode change", "block", 0, uint32(os.Getpid())},
		{"handle-lid-switch", "gnome-settings-daemon", "multi-monitor", "block-weak", 47999, 78},
		{"::idle:\x1b[2J:", "evil\x1b]0;x\x07", "\u202etxt", "delay", 1000, 79},
	}
	want := []facts.Inhibitor{
		{What: []string{"shutdown", "sleep"}, Who: "dnf", Why: "Transaction", Mode: "block", User: "root", PID: 77},
		{What: []string{"handle-lid-switch"}, Who: "gnome-settings-daemon", Why: "multi-monitor", Mode: "block-weak", UID: 47999, PID: 78},
		{What: []string{"idle", "?[2J"}, Who: "evil?]0;x?", Why: "?txt", Mode: "delay", UID: 1000, PID: 79},
	}
	got := client.Inhibitors(t.Context())
	for i := range got.List {
		if got.List[i].UID == 1000 {
			got.List[i].User = "" // this machine may have one
		}
	}
	if !got.Known() || !reflect.DeepEqual(got.List, want) {
		t.Errorf("got  %+v\nwant %+v", got.List, want)
	}
}

func TestInhibitorsThatCannotBeSeenAreUnknown(t *testing.T) {
	t.Parallel()
	if got := host.NewLogind(bustest.Start(t).Connect(t)).Inhibitors(t.Context()); got.Known() {
		t.Errorf("without logind: %+v", got)
	}
	fake, client := fakeLogind(t)
	fake.locks = slices.Repeat([]lock{{"sleep", "flood", "x", "block", 1000, 80}}, 1025)
	if got := client.Inhibitors(t.Context()); got.Known() || len(got.List) > 0 {
		t.Errorf("of too many: %d, %q", len(got.List), got.Unknown)
	}
}
