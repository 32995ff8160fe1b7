package agent_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/bustest"
)

// limits are slices that take any limit but one.
type limits struct{}

func (limits) Apply(_ context.Context, o manager1.SliceLimits) (settled bool, detail string) {
	return o.CPUWeight != 7, fmt.Sprint(o)
}

func (limits) Capture(context.Context) ([]manager1.SliceLimits, error) {
	return []manager1.SliceLimits{{Slice: "app.slice", CPUWeight: 100, MemoryHigh: manager1.NoLimit}}, nil
}

func TestSlicesAreLimitedAndRead(t *testing.T) {
	t.Parallel()
	bus := bustest.Start(t)
	d := serve(t, bus)
	run(t, bus)
	me := next(t, "registration", d.sender)
	for weight, want := range map[uint32]bool{20: true, 7: false} {
		order := manager1.SliceLimits{Slice: "background.slice", CPUWeight: weight, MemoryHigh: 1 << 40}
		var settled bool
		var detail string
		err := call(t, d.conn, me, "Apply", "slices", order.ToMap()).Store(&settled, &detail)
		if err != nil || settled != want || detail != fmt.Sprint(order) {
			t.Errorf("%v, %q, %v", settled, detail, err)
		}
	}
	var m manager1.Dict
	if err := call(t, d.conn, me, "Capture", "slices").Store(&m); err != nil {
		t.Fatal(err)
	}
	rows, _ := m["slices"].Value().([]manager1.Dict)
	if got := manager1.DecodeList[manager1.SliceLimits](rows); len(got) != 1 || got[0].CPUWeight != 100 || got[0].MemoryHigh != manager1.NoLimit {
		t.Errorf("captured %+v", got)
	}
}
