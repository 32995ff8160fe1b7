package actions

import (
	"context"
	"errors"
	"fmt"
)

// weight is the unit's present CPU weight, nil where the value has no opinion
// or there is no such unit. The slice of the pods, kubepods.slice, is the
// kubelet's to weigh, and the mode's by the kind slices.
func (k k3s) weight(ctx context.Context, v k3sValue) (*uint64, error) {
	if v.Weight == 0 {
		return nil, nil
	}
	l, err := k.Slices.Limits(ctx, v.Unit)
	if errors.Is(err, ErrNoUnit) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the CPU weight of %s: %w", v.Unit, err)
	}
	return l.CPUWeight, nil
}

// weigh sets the unit's weight, unless it is 0.
func (k k3s) weigh(ctx context.Context, unit string, weight uint64) error {
	now, err := k.weight(ctx, k3sValue{Unit: unit, Weight: weight})
	if err != nil || now == nil || *now == weight {
		return err
	}
	if err := k.Slices.SetLimits(ctx, unit, Limits{CPUWeight: &weight}); err != nil {
		return fmt.Errorf("cannot set the CPU weight of %s: %w", unit, err)
	}
	return nil
}

// weighBack sets the weight that was there.
func (k k3s) weighBack(ctx context.Context, was k3sSnapshot) error {
	if was.Weight == nil {
		return nil
	}
	return k.weigh(ctx, was.Value.Unit, *was.Weight)
}
