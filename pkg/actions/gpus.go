package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// gpus is the kind gpus: who may have a GPU. Releasing one is a barrier: it ends
// when the holders are really gone, or with an error that names them. Acquiring
// only looks; there is nothing to put back.
type gpus struct {
	devices Devices
	timing  Timing
}

type gpuValue struct {
	// Owner is display, compute, none or, for a release, nobody.
	Owner string `json:"owner"`
	// But is "graphics" when graphics clients may stay over a release.
	But  string `json:"but,omitempty"`
	PCI  string `json:"pci,omitempty"`
	UUID string `json:"uuid,omitempty"`
	// Auto names GPUs by what they do: primary (a display is connected to it)
	// or others (the rest).
	Auto           string   `json:"auto,omitempty"`
	ReleaseTimeout duration `json:"release-timeout,omitzero"`
}

func decodeGPU(want fsm.Value) (v gpuValue, err error) {
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	if !slices.Contains([]string{"display", "compute", "none", "nobody"}, v.Owner) {
		return v, fmt.Errorf("a GPU is for display, compute or none, not %q", v.Owner)
	}
	return v, nil
}

// Rest is the GPU with nobody on it; with graphics clients only, where it shall
// be the display's: those may stay.
func (g gpus) Rest(_ string, want fsm.Value) fsm.Value {
	v, err := decodeGPU(want)
	if err != nil || v.Owner == "none" || v.Owner == "nobody" {
		return want
	}
	if v.Owner == "display" {
		v.But = "graphics"
	}
	v.Owner = "nobody"
	return fsm.NewValue(v)
}

// Bound is the release timeout.
func (g gpus) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeGPU(want) // a broken value fails at once
	return v.ReleaseTimeout.or(g.timing.GPUBarrier) + slack
}

// Describe tells what is waited for.
func (g gpus) Describe(key string, want fsm.Value, release bool) (summary string, details []string) {
	v, _ := decodeGPU(want) // a broken value is told by Do
	if !release && v.Owner != "none" {
		return "give " + key + " to " + v.Owner, nil
	}
	what := "nobody holds it"
	if v.But == "graphics" {
		what = "no compute process holds it"
	}
	return "wait until " + key + " is free",
		[]string{fmt.Sprintf("until %s, for %s at most", what, v.ReleaseTimeout.or(g.timing.GPUBarrier))}
}

// Preflight tells whether the GPU is there.
func (g gpus) Preflight(ctx context.Context, key string, want fsm.Value) error {
	_, err := g.inTheWay(ctx, key, want)
	return err
}

// Capture has nothing to keep.
func (g gpus) Capture(context.Context, string, fsm.Value) (fsm.Snapshot, error) { return "{}", nil }

// Do waits until nobody is in the way.
func (g gpus) Do(ctx context.Context, key string, want fsm.Value) error {
	v, err := decodeGPU(want)
	if err != nil {
		return err
	}
	limit := v.ReleaseTimeout.or(g.timing.GPUBarrier)
	var holders []DeviceHolder
	var blind error // the last look's; one that fails may be followed by one that sees
	free, err := until(ctx, limit, 2*g.timing.Poll, func() (bool, error) {
		holders, blind = g.inTheWay(ctx, key, want)
		switch {
		case errors.Is(blind, fsm.ErrMissing):
			return false, blind
		case blind != nil:
			fsm.Report(ctx, blind.Error())
		case len(holders) > 0:
			fsm.Report(ctx, fmt.Sprintf("waiting for %s: held by %s", key, who(holders)))
		}
		return blind == nil && len(holders) == 0, nil
	})
	switch {
	case err != nil && len(holders) > 0:
		return fmt.Errorf("cannot wait for %s, held by %s: %w", key, who(holders), err)
	case err != nil:
		return err
	case blind != nil:
		return blind
	case !free:
		return fmt.Errorf("%s is still held by %s after %s", key, who(holders), limit)
	}
	return nil
}

// Undo does nothing: a barrier moved nothing.
func (g gpus) Undo(context.Context, string, fsm.Snapshot) error { return nil }

// Settled tells whether nobody is in the way of the owner.
func (g gpus) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	holders, err := g.inTheWay(ctx, key, want)
	return err == nil && len(holders) == 0, err
}

// inTheWay lists the holders that the wanted owner does not stand.
func (g gpus) inTheWay(ctx context.Context, key string, want fsm.Value) ([]DeviceHolder, error) {
	v, err := decodeGPU(want)
	if err != nil {
		return nil, err
	}
	all, err := g.devices.Devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot see who holds %s: %w", key, err)
	}
	found, err := v.pick(all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	var holders []DeviceHolder
	for _, d := range found {
		if d.Suspended {
			continue // free by definition, and not to be woken
		}
		for _, h := range d.Holders {
			if v.forbids(h) {
				holders = append(holders, h)
			}
		}
	}
	return holders, nil
}

func (v gpuValue) forbids(h DeviceHolder) bool {
	switch {
	case v.Owner == "display", v.But == "graphics":
		return h.Compute
	case v.Owner == "compute":
		return h.Graphics
	default:
		return true
	}
}

// pick finds the devices that the value is about. A GPU by name must be there;
// "auto" takes what there is.
func (v gpuValue) pick(all []Device) ([]Device, error) {
	if v.Auto != "" {
		return v.pickAuto(all), nil
	}
	for _, d := range all {
		if v.PCI != "" && strings.EqualFold(d.PCI, v.PCI) || v.UUID != "" && strings.EqualFold(d.UUID, v.UUID) {
			return []Device{d}, nil
		}
	}
	if v.PCI == "" && v.UUID == "" {
		return nil, errors.New("a GPU needs a pci address or a uuid")
	}
	return nil, fmt.Errorf("GPU %s%s %w", v.PCI, v.UUID, fsm.ErrMissing)
}

// pickAuto takes the first GPU, by address, with a display connected to it as
// primary; without any display, the first.
func (v gpuValue) pickAuto(all []Device) []Device {
	if len(all) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Device) int { return strings.Compare(a.PCI, b.PCI) })
	primary := max(0, slices.IndexFunc(sorted, func(d Device) bool { return d.Connected }))
	if v.Auto == "primary" {
		return sorted[primary : primary+1]
	}
	return slices.Delete(sorted, primary, primary+1)
}

// who names holders: "Xorg (1234, session-3.scope, dev)".
func who(holders []DeviceHolder) string {
	const most = 4
	var names []string
	for i, h := range holders {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(holders)-most))
			break
		}
		names = append(names, h.name())
	}
	return strings.Join(names, ", ")
}

func (h DeviceHolder) name() string {
	words := []string{fmt.Sprint(h.PID)}
	for _, w := range []string{h.Unit, h.User} {
		if w != "" {
			words = append(words, w)
		}
	}
	return fmt.Sprintf("%s (%s)", h.Comm, strings.Join(words, ", "))
}
