package polkit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/polkit"
)

// silent is a bus on which nobody ever answers.
type silent struct {
	dbus.BusObject
	calls []string
}

func (s *silent) CallWithContext(ctx context.Context, method string, _ dbus.Flags, _ ...any) *dbus.Call {
	s.calls = append(s.calls, method)
	<-ctx.Done()
	return &dbus.Call{Err: ctx.Err()}
}

func TestNobodyWaitsForPolkitForEver(t *testing.T) {
	t.Parallel()
	for interactive, want := range map[bool]time.Duration{false: 5 * time.Second, true: 125 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			bus := &silent{}
			a := polkit.NewWith(bus, people{make(chan struct{})})
			began := time.Now()
			r, err := a.Check(t.Context(), polkit.Check{Sender: ":1.99", Interactive: interactive})
			if r.Authorized() || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %+v, %v", r, err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("took %v", took)
			}
			if interactive != (len(bus.calls) == 2) {
				t.Errorf("called %v", bus.calls)
			}
		})
	}
}
