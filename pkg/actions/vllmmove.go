package actions

import (
	"context"

	"github.com/modectl/moded/pkg/fsm"
)

// Do starts the server with its GPUs, or drains and stops it.
//
// As with any unit, one that runs with another environment is stopped before the
// file changes: whatever moment we die at, a server that runs has read the file
// that is there.
func (a vllm) Do(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeVLLM(want)
	if err != nil {
		return err
	}
	if v.State == "off" {
		return a.turnOff(ctx, v)
	}
	return a.turnOn(ctx, v)
}

func (a vllm) turnOff(ctx context.Context, v vllmValue) error {
	s, err := a.jobs.glance(ctx, v.Unit)
	if err != nil || !s.exists() {
		return err
	}
	if err := a.gates.set(s.ID, s.ID, true); err != nil {
		return err
	}
	if err := a.end(ctx, v, true); err != nil {
		return err
	}
	return a.setEnv(v.Unit, nil)
}

func (a vllm) turnOn(ctx context.Context, v vllmValue) error {
	s, err := a.jobs.usable(ctx, v.Unit)
	if err != nil {
		return err
	}
	given, err := a.given(ctx, v)
	if err != nil {
		return err
	}
	if err := a.gates.set(s.ID, s.ID, false); err != nil {
		return err
	}
	env, err := a.env(v.Unit)
	if err != nil {
		return err
	}
	if text := v.environment(given); !sameText(env, &text) {
		if err := a.end(ctx, v, true); err != nil {
			return err
		}
		if err := a.setEnv(v.Unit, &text); err != nil {
			return err
		}
	}
	return a.serve(ctx, v)
}

// Undo goes back to unit, environment and gate as they were, and lets a server
// that was paused accept again. What was started by this step has nobody's
// requests to wait for.
func (a vllm) Undo(ctx context.Context, _ string, was fsm.Snapshot) error {
	var goal vllmSnapshot
	if err := was.Decode(&goal); err != nil {
		return err
	}
	s, err := a.jobs.glance(ctx, goal.Unit)
	if err != nil || !s.exists() {
		return err
	}
	env, err := a.env(goal.Unit)
	if err != nil {
		return err
	}
	if same := sameText(env, goal.Env); !same || !goal.Active {
		if err := a.end(ctx, vllmValue{Unit: goal.Unit, URL: goal.URL}, false); err != nil {
			return err
		}
		if err := a.setEnv(goal.Unit, goal.Env); err != nil {
			return err
		}
	}
	if goal.Active {
		if err := a.back(ctx, goal); err != nil {
			return err
		}
	}
	return a.gates.set(s.ID, s.ID, goal.Shut)
}

// back brings the unit up again. That its server is ready is not waited for: the
// rest of the way back must not wait until a model is loaded.
func (a vllm) back(ctx context.Context, goal vllmSnapshot) error {
	s, err := a.jobs.glance(ctx, goal.Unit)
	if err != nil {
		return err
	}
	if !s.up() {
		if err := a.gates.set(s.ID, s.ID, false); err != nil {
			return err
		}
		begun, err := a.start(ctx, goal.Unit, goal.ReadyTimeout.or(vllmReady))
		if err == nil {
			err = a.jobs.stays(ctx, begun)
		}
		if err != nil {
			return err
		}
	}
	if goal.Paused == nil || *goal.Paused {
		return nil
	}
	return a.resume(ctx, goal.Unit, goal.URL)
}
