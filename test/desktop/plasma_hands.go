package main

import (
	"context"
	"fmt"
)

// reaches waits until the machine is settled in a mode.
func reaches(ctx context.Context, t *trial, mode string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return until(ctx, mode+" mode", func() error {
		now, err := t.manager.Properties(ctx)
		if err == nil && (now.Mode != mode || now.Transition.Open()) {
			err = fmt.Errorf("the machine is in %s mode (%s)", now.Mode, now.Transition.Phase)
		}
		return err
	})
}

// in does one thing after the other, as long as they succeed.
func in(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// hands are the things that checks do most, bound to one of them.
type hands struct {
	p   *plasma
	ctx context.Context // of one check, gone with it
	t   *trial
}

func (h hands) sees(texts ...string) func() error {
	return func() error { return h.p.sees(h.ctx, texts...) }
}

func (h hands) loses(text string) func() error {
	return func() error { return h.p.loses(h.ctx, text) }
}

func (h hands) mode(title string) func() error {
	return func() error { return h.p.click(h.ctx, h.t.world, "radio button", title) }
}

func (h hands) button(name string) func() error {
	return func() error { return h.p.click(h.ctx, h.t.world, "button", name) }
}

func (h hands) box(name string) func() error {
	return func() error { return h.p.click(h.ctx, h.t.world, "check box", name) }
}

func (h hands) shot(name string) func() error {
	return func() error { return h.p.shot(h.t.world, name) }
}

func (h hands) reaches(mode string) func() error {
	return func() error { return reaches(h.ctx, h.t, mode) }
}

func (h hands) simulate(lines ...string) func() error {
	return func() error {
		for _, line := range lines {
			if err := h.t.simulate(line); err != nil {
				return err
			}
		}
		return nil
	}
}

// outcome is how the last transition must have ended.
func (h hands) outcome(want string) func() error {
	return func() error {
		now, err := h.t.manager.Properties(h.ctx)
		if err == nil && now.LastTransition.Outcome != want {
			err = fmt.Errorf("the last transition is %s", now.LastTransition.Outcome)
		}
		return err
	}
}
