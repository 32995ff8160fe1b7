package actions_test

import (
	"context"
	"testing"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// counted are devices that count who looks.
type counted struct {
	behind actions.Devices
	looks  int
}

func (c *counted) Devices(ctx context.Context) ([]actions.Device, error) {
	c.looks++
	return c.behind.Devices(ctx)
}

func TestARoundLooksAtTheGPUsOnce(t *testing.T) {
	t.Parallel()
	hands := workstation().Hands()
	devices := &counted{behind: hands.Devices}
	hands.Devices = devices
	gpus := actions.New(hands)["gpus"]
	look := func(ctx context.Context) {
		for _, owner := range []string{"display", "compute", "none"} {
			if _, err := gpus.Settled(ctx, "gpu0", fsm.NewValue(map[string]string{"owner": owner, "auto": "primary"})); err != nil {
				t.Fatal(err)
			}
		}
	}
	look(fsm.Round(t.Context()))
	if devices.looks != 1 {
		t.Errorf("in a round the GPUs were looked at %d times", devices.looks)
	}
	look(t.Context())
	if devices.looks != 4 {
		t.Errorf("a step did not look for itself: %d looks", devices.looks)
	}
}
