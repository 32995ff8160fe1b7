package actions_test

import (
	"context"
	"errors"
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

// askedCards are cards that count who asks.
type askedCards struct {
	behind actions.Cards
	asked  int
}

func (c *askedCards) Settings(ctx context.Context, pci string) (actions.GPUState, error) {
	c.asked++
	return c.behind.Settings(ctx, pci)
}

// A driver that nobody holds awake takes seconds to answer.
func TestARoundAsksTheDriverOfAGPUOnce(t *testing.T) {
	t.Parallel()
	m := workstation()
	card(m)
	hands := m.Hands()
	cards := &askedCards{behind: hands.Cards}
	hands.Cards = cards
	gpus := actions.New(hands)["gpus"]
	const want = `{"owner":"none","pci":"0000:01:00.0","power-limit":"250W"}`
	look := func(ctx context.Context) {
		_, bound := gpus.(fsm.Binder).Bind(ctx, "gpu0", want, fsm.Context{})
		_, settled := gpus.Settled(ctx, "gpu0", want)
		if err := errors.Join(bound, settled, gpus.(fsm.Preflighter).Preflight(ctx, "gpu0", want)); err != nil {
			t.Fatal(err)
		}
	}
	look(fsm.Round(t.Context()))
	if cards.asked != 1 {
		t.Errorf("in a round the driver was asked %d times", cards.asked)
	}
	look(t.Context())
	if cards.asked != 4 {
		t.Errorf("outside of one it was asked %d times", cards.asked)
	}
}
