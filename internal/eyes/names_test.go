package eyes_test

import (
	"context"
	"slices"
	"testing"

	"github.com/modectl/moded/pkg/guards"
)

func TestTheFactsNameTheProgramsThatWereLookedFor(t *testing.T) {
	t.Parallel()
	f := (&house{}).eyes().Look(context.Background(), guards.Needs{Processes: []string{"ardour", "reaper"}}, true)
	if !slices.Equal(f.Process.Names, []string{"ardour", "reaper"}) {
		t.Errorf("got %q", f.Process.Names)
	}
}
