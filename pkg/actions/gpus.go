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

// gpus is the kind gpus: who may have a GPU, and what its driver is told.
// Releasing one is a barrier: it ends when the holders are really gone, or with
// an error that names them. Acquiring looks, and sets what the mode states of
// compute mode, power limit, persistence and MIG, through moded-gpu.service.
type gpus struct {
	devices Devices
	cards   Cards
	orders  Orders
	jobs    jobs
	timing  Timing
	// turn is held by who has the unit: it works on one order at a time.
	turn chan struct{}
}

type gpuValue struct {
	// Owner is display, compute, none, any or, for a release, nobody.
	Owner string `json:"owner"`
	// But is "graphics" when graphics clients may stay over a release.
	But  string `json:"but,omitempty"`
	PCI  string `json:"pci,omitempty"`
	UUID string `json:"uuid,omitempty"`
	// Auto names GPUs by what they do: primary (a display is connected to it)
	// or others (the rest).
	Auto           string   `json:"auto,omitempty"`
	ReleaseTimeout duration `json:"release-timeout,omitzero"`
	GPUSettings
	// Barrier is what Bind found for settings: "none" when nobody must go for
	// them, "all" when everybody must, because the GPU is partitioned anew.
	Barrier string `json:"barrier,omitempty"`
}

func decodeGPU(want fsm.Value) (v gpuValue, err error) {
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	if !slices.Contains([]string{"display", "compute", "none", "any", "nobody"}, v.Owner) {
		return v, fmt.Errorf("a GPU is for display, compute or none, not %q", v.Owner)
	}
	return v, nil
}

// Bind finds out whether somebody must leave the GPU for its settings: a power
// limit is changed under whoever computes, parts are not.
func (g gpus) Bind(ctx context.Context, key string, want fsm.Value, _ fsm.Context) (fsm.Value, error) {
	v, err := decodeGPU(want)
	if err != nil || v.empty() {
		return want, nil // a broken value is told by Settled
	}
	holders, err := g.inTheWay(ctx, key, want)
	if err != nil {
		return want, nil // so is this
	}
	is, err := g.state(ctx, key, v)
	switch {
	case err == nil && v.repartitions(is):
		v.Barrier = "all"
	case len(holders) == 0:
		v.Barrier = "none"
	}
	return fsm.NewValue(v), nil
}

// Rest is the GPU with nobody on it; with graphics clients only, where it shall
// be the display's: those may stay. Settings have no rest: who owns the GPU next
// states where they stand.
func (g gpus) Rest(_ string, want fsm.Value) fsm.Value {
	v, err := decodeGPU(want)
	switch {
	case err != nil || (v.Owner == "none" || v.Owner == "nobody") && v.empty():
		return want
	case v.Barrier == "none" || v.Owner == "any" && v.Barrier != "all":
		return ""
	case v.Owner == "display" && v.Barrier != "all":
		v.But = "graphics"
	}
	v.Owner, v.GPUSettings, v.Barrier = "nobody", GPUSettings{}, ""
	return fsm.NewValue(v)
}

// Bound is the release timeout, and what moded-gpu.service may take.
func (g gpus) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeGPU(want) // a broken value fails at once
	bound := v.ReleaseTimeout.or(g.timing.GPUBarrier) + slack
	if !v.empty() {
		bound += g.timing.GPUSettings
	}
	return bound
}

// Describe tells what is waited for, and what is set.
func (g gpus) Describe(key string, want fsm.Value, release bool) (summary string, details []string) {
	v, _ := decodeGPU(want) // a broken value is told by Do
	if !release && v.Owner != "none" && v.Owner != "any" {
		return "give " + key + " to " + v.Owner, v.words()
	}
	if !v.empty() {
		return "set up " + key, v.words()
	}
	what := "nobody holds it"
	if v.But == "graphics" {
		what = "no compute process holds it"
	}
	return "wait until " + key + " is free",
		[]string{fmt.Sprintf("until %s, for %s at most", what, v.ReleaseTimeout.or(g.timing.GPUBarrier))}
}

// Preflight tells whether the GPU is there, and can be set as stated.
func (g gpus) Preflight(ctx context.Context, key string, want fsm.Value) error {
	v, err := decodeGPU(want)
	if err == nil {
		_, err = g.inTheWay(ctx, key, want)
	}
	if err != nil || v.empty() {
		return err
	}
	return g.feasible(ctx, key, v)
}

// Do waits until nobody is in the way, and sets what is stated.
func (g gpus) Do(ctx context.Context, key string, want fsm.Value) error {
	v, err := decodeGPU(want)
	if err == nil {
		err = g.wait(ctx, key, want, v.ReleaseTimeout.or(g.timing.GPUBarrier))
	}
	if err != nil || v.empty() {
		return err
	}
	d, err := g.one(ctx, key, v)
	if err != nil {
		return err
	}
	return g.configure(ctx, key, d.PCI, v.GPUSettings)
}

// wait is the barrier.
func (g gpus) wait(ctx context.Context, key string, want fsm.Value, limit time.Duration) error {
	held, err := cleared(ctx, "waiting for "+key+": held by ", limit, 2*g.timing.Poll, func() (string, error) {
		holders, err := g.inTheWay(ctx, key, want)
		return culprits(ctx, holders), err
	})
	switch {
	case err != nil && held != "":
		return fmt.Errorf("cannot wait for %s, held by %s: %w", key, held, err)
	case held != "":
		return fmt.Errorf("%s is still held by %s after %s", key, held, limit)
	}
	return err
}

// Settled tells whether nobody is in the way of the owner, and all is set as
// stated.
func (g gpus) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	v, err := decodeGPU(want)
	if err != nil {
		return false, err
	}
	holders, err := g.inTheWay(ctx, key, want)
	if err != nil || len(holders) > 0 || v.empty() {
		return err == nil && len(holders) == 0, err
	}
	is, err := g.state(ctx, key, v)
	return err == nil && len(v.differ(is)) == 0, err
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
	case v.Owner == "any":
		return false
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
