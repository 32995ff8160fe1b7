package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// vllm is the kind vllm: an inference server that has certain GPUs and no
// others, or that is down and keeps nothing.
//
// Which GPUs it has is in its environment file: their UUIDs in
// CUDA_VISIBLE_DEVICES. CUDA takes an empty list for none, a missing one for all
// GPUs, and hides what follows a name that it does not know; so the list is made
// of GPUs that are there, is never empty, and the unit must insist on its file.
// A server is up when it is healthy, serves the right model, and holds the GPUs
// that it was given.
//
// Going down it is drained: it begins nothing new where it can be told so, and
// its requests may end. Then the unit stops. It is down when its cgroup is empty
// and what held GPUs has let go of them, and its gate is shut.
type vllm struct {
	Hands
	jobs  jobs
	gates gates
}

type vllmValue struct {
	State string `json:"state"` // on, off
	Unit  string `json:"unit"`
	URL   string `json:"url"`
	// Model is the name under which the model is served; empty is any.
	Model string    `json:"model,omitempty"`
	GPUs  []vllmGPU `json:"gpus,omitempty"`
	// Ranks is how many GPUs share the model; 0 is one rank a GPU.
	Ranks int `json:"tensor-parallel,omitempty"`
	// DrainTimeout is how long requests may take to end; 0 is no time.
	DrainTimeout duration `json:"drain-timeout,omitzero"`
	// ReadyTimeout bounds the start of the unit and of the server in it.
	ReadyTimeout duration `json:"ready-timeout,omitzero"`
}

// vllmGPU is a GPU by the configuration's name, with its address; without one
// it is primary or others.
type vllmGPU struct {
	Name string `json:"name"`
	PCI  string `json:"pci,omitempty"`
	UUID string `json:"uuid,omitempty"`
}

type vllmSnapshot struct {
	Unit   string `json:"unit"`
	URL    string `json:"url"`
	Active bool   `json:"active"`
	// Shut is the unit's gate; Env its environment file, nil when there was none.
	Shut bool    `json:"shut"`
	Env  *string `json:"env"`
	// Paused is nil when the server could not be paused, or was not asked.
	Paused       *bool    `json:"paused,omitempty"`
	ReadyTimeout duration `json:"ready-timeout,omitzero"`
}

// vllmReady is how long a server may load its model where nothing is said: one of
// 72 billion parameters took 17 minutes.
const vllmReady = 20 * time.Minute

func decodeVLLM(want fsm.Value) (v vllmValue, err error) {
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	switch {
	case v.State != "on" && v.State != "off":
		return v, fmt.Errorf("vLLM is on or off, not %q", v.State)
	case v.Unit == "":
		return v, fmt.Errorf("a vLLM server needs a unit")
	case v.State == "on" && len(v.GPUs) == 0:
		return v, fmt.Errorf("a vLLM server needs a GPU: to CUDA, no name would be none, and no list all")
	}
	return v, nil
}

// Rest is the server that is down.
func (a vllm) Rest(_ string, want fsm.Value) fsm.Value {
	v, err := decodeVLLM(want)
	if err != nil || v.State == "off" {
		return want
	}
	return fsm.NewValue(vllmValue{State: "off", Unit: v.Unit, URL: v.URL, DrainTimeout: v.DrainTimeout})
}

// Bound is the sum of all waits. What the unit says of its own stop is counted
// as far as it is believed.
func (a vllm) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeVLLM(want) // a broken value fails at once
	bound := time.Duration(v.DrainTimeout) + mostStop + a.Timing.UnitKill + a.Timing.GPUBarrier + slack
	if v.State == "on" {
		bound += v.ReadyTimeout.or(vllmReady) + a.Timing.GPUBarrier
	}
	return bound
}

// Units names the unit.
func (vllm) Units(_ string, want fsm.Value) []string {
	v, err := decodeVLLM(want)
	if err != nil { // told by Do
		return nil
	}
	return []string{v.Unit}
}

// Describe names the GPUs as the configuration does.
func (a vllm) Describe(_ string, want fsm.Value, _ bool) (summary string, details []string) {
	v, _ := decodeVLLM(want) // a broken value is told by Do
	if v.State != "on" {
		if v.DrainTimeout > 0 {
			details = append(details, fmt.Sprintf("wait until its requests have ended, for %s at most", time.Duration(v.DrainTimeout)))
		}
		return "drain and stop " + v.Unit, details
	}
	if v.Ranks > 1 {
		details = append(details, fmt.Sprintf("tensor parallel over %d GPUs", v.Ranks))
	}
	what := "it is ready"
	if v.Model != "" {
		what = "it serves " + v.Model
	}
	return "start " + v.Unit + " on " + strings.Join(v.names(), ", "),
		append(details, fmt.Sprintf("wait until %s, for %s at most", what, v.ReadyTimeout.or(vllmReady)))
}

// names are those of the GPUs.
func (v vllmValue) names() (names []string) {
	for _, g := range v.GPUs {
		names = append(names, g.Name)
	}
	return names
}

// Capture keeps unit, gate, environment, and whether the server accepts.
func (a vllm) Capture(ctx context.Context, _ string, want fsm.Value) (fsm.Snapshot, error) {
	v, err := decodeVLLM(want)
	if err != nil {
		return "", err
	}
	s, err := a.jobs.glance(ctx, v.Unit)
	if err != nil {
		return "", err
	}
	was := vllmSnapshot{Unit: v.Unit, URL: v.URL, Active: s.wanted(), ReadyTimeout: v.ReadyTimeout}
	if was.Env, err = a.env(v.Unit); err != nil {
		return "", err
	}
	if was.Shut, err = a.gates.shut(s.ID, s.ID); err != nil {
		return "", err
	}
	if s.up() {
		if server, err := a.Servers.Server(ctx, v.URL); err == nil {
			was.Paused = server.Paused
		}
	}
	return fsm.NewValue(was), nil
}

// Settled tells whether the server is as wanted. A cgroup that is empty holds no
// GPU: Do, which knows what held one, has seen that it let go.
func (a vllm) Settled(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeVLLM(want)
	if err != nil {
		return false, err
	}
	s, err := a.jobs.glance(ctx, v.Unit)
	if err != nil {
		return false, err
	}
	if v.State == "off" {
		return a.isOff(ctx, s)
	}
	if err := s.there(v.Unit); err != nil {
		return false, err
	}
	return a.isOn(ctx, v, s)
}

func (a vllm) isOff(ctx context.Context, s UnitState) (bool, error) {
	if !s.exists() || !s.down() {
		return !s.exists(), nil
	}
	shut, err := a.gates.shut(s.ID, s.ID)
	if err != nil || !shut {
		return false, err
	}
	left, err := a.Services.Processes(ctx, s.ID)
	return err == nil && len(left) == 0, err
}

func (a vllm) isOn(ctx context.Context, v vllmValue, s UnitState) (bool, error) {
	given, err := a.given(ctx, v)
	if err != nil {
		return false, err
	}
	env, err := a.env(v.Unit)
	if err != nil {
		return false, err
	}
	shut, err := a.gates.shut(s.ID, s.ID)
	if text := v.environment(given); err != nil || shut || !s.up() || !sameText(env, &text) {
		return false, err
	}
	server, err := a.Servers.Server(ctx, v.URL)
	if err != nil {
		return false, fmt.Errorf("cannot ask %s: %w", v.Unit, err)
	}
	if server.Problem != "" || v.misserved(server) != nil {
		return false, nil
	}
	problem, err := a.misheld(ctx, v, s.ID)
	return err == nil && problem == "", err
}
