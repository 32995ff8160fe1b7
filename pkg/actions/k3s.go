package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// k3s is the kind k3s: the machine's node works for its cluster, is cordoned and
// drained, is that and throttled, or k3s is off.
//
// Only moded's own cordon is ever lifted. Whatever ends a transition, its undo
// lifts the cordon that the transition made: from the snapshot, or, when the API
// server did not answer then, from the cordon's own date.
type k3s struct {
	Hands
	jobs  jobs
	gates gates
}

// The states. released is the rest value: nothing of the cluster's is at work
// here, be it that the node is drained or that k3s is down.
const (
	k3sFull     = "full"
	k3sControl  = "control-plane"
	k3sMinimal  = "minimal"
	k3sOff      = "off"
	k3sReleased = "released"
)

type k3sValue struct {
	State string `json:"state"`
	Unit  string `json:"unit"`
	Node  string `json:"node,omitempty"`
	// Mark is nil only in the rest value.
	Mark    *ClusterMark `json:"mark,omitempty"`
	Scale   string       `json:"scale-to-zero,omitempty"`
	Take    ClusterTake  `json:"evict,omitzero"`
	Killall string       `json:"killall,omitempty"`
	// Weight is the unit's CPU weight, 0 to leave it: minimal has a small one.
	Weight       uint64   `json:"cpu-weight,omitempty"`
	DrainTimeout duration `json:"drain-timeout,omitzero"`
	StartTimeout duration `json:"start-timeout,omitzero"`
}

func decodeK3s(want fsm.Value) (v k3sValue, err error) {
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	if !slices.Contains([]string{k3sFull, k3sControl, k3sMinimal, k3sOff, k3sReleased}, v.State) || v.Unit == "" {
		return v, fmt.Errorf("k3s is full, control-plane, minimal or off, of a unit; not %q of %q", v.State, v.Unit)
	}
	return v, nil
}

// drains tells whether the state is one of a drained node.
func (v k3sValue) drains() bool { return v.State != k3sFull }

// runs tells whether the state needs the unit.
func (v k3sValue) runs() bool { return v.State != k3sOff && v.State != k3sReleased }

// Rest of a node is drained, or k3s down; off is its own, so that its
// containers are gone before anybody waits for their GPUs.
func (k k3s) Rest(_ string, want fsm.Value) fsm.Value {
	v, err := decodeK3s(want)
	if err != nil || !v.runs() {
		return want
	}
	v.State, v.Mark, v.Weight, v.Killall = k3sReleased, nil, 0, ""
	return fsm.NewValue(v)
}

func (k k3s) drainLimit(v k3sValue) time.Duration { return v.DrainTimeout.or(k.Timing.Drain) }
func (k k3s) startLimit(v k3sValue) time.Duration { return v.StartTimeout.or(k.Timing.UnitStart) }

// Bound is the sum of all waits, of an undo too.
func (k k3s) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeK3s(want) // a broken value fails at once
	bound := k.drainLimit(v) + 2*k.Timing.Cluster + k.startLimit(v) + k.Timing.UnitStop + slack
	if v.Killall != "" {
		bound += k.Timing.UnitStart
	}
	return bound
}

// Units names k3s's unit and the one that ends its containers.
func (k k3s) Units(_ string, want fsm.Value) []string {
	v, _ := decodeK3s(want) // a broken value is told by Do
	units := []string{v.Unit}
	if v.Killall != "" {
		units = append(units, v.Killall)
	}
	return units
}

// Describe says what becomes of the node.
func (k k3s) Describe(_ string, want fsm.Value, _ bool) (summary string, details []string) {
	v, _ := decodeK3s(want) // a broken value is told by Do
	switch v.State {
	case k3sFull:
		summary, details = "open the node to the cluster's work", append(details, "uncordon it, if moded cordoned it")
	case k3sControl:
		summary = "keep k3s to its control plane"
	case k3sMinimal:
		summary = "keep k3s to its control plane, throttled"
	case k3sOff:
		summary = "drain the node and stop " + v.Unit
	default:
		summary = "cordon and drain the node"
	}
	return summary, append(details, k.details(v)...)
}

func (k k3s) details(v k3sValue) (details []string) {
	if v.runs() {
		details = append(details, "start "+v.Unit+" if it is down")
	}
	if v.drains() {
		details = append(details, fmt.Sprintf("cordon it and evict its pods, for %s at most; those of DaemonSets stay", k.drainLimit(v)))
	}
	switch {
	case v.Scale != "" && v.drains():
		details = append(details, "scale "+v.Scale+" to zero")
	case v.Scale != "":
		details = append(details, "scale "+v.Scale+" back")
	}
	switch {
	case v.Killall != "" && v.State == k3sOff:
		details = append(details, "end its containers: "+v.Killall)
	case v.State == k3sOff:
		details = append(details, "containers that are not evicted go on: [k3s] names no killall unit")
	}
	if v.Mark != nil && v.Mark.Label != "" {
		details = append(details, "label it modectl.org/mode="+v.Mark.Label)
	}
	if v.Weight != 0 {
		details = append(details, fmt.Sprintf("%s has CPU weight %d", v.Unit, v.Weight))
	}
	return details
}

// Preflight tells whether the unit is there and, if it is up, the API server
// lets itself be asked.
func (k k3s) Preflight(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeK3s(want)
	if err != nil || !v.runs() {
		return err
	}
	s, err := k.jobs.usable(ctx, v.Unit)
	if err != nil || !s.up() {
		return err
	}
	_, err = k.glance(ctx, v.look())
	return err
}

// k3sSnapshot has the value, so that undoing knows its names and limits.
type k3sSnapshot struct {
	Value  k3sValue `json:"value"`
	Exists bool     `json:"exists,omitempty"`
	Active bool     `json:"active,omitempty"`
	// Shut is the gate.
	Shut bool `json:"shut,omitempty"`
	// Weight is nil where the value says none.
	Weight *uint64 `json:"cpu-weight,omitempty"`
	// Node is how it was, nil when nobody told: then Asked says when.
	Node  *k3sNode   `json:"node,omitempty"`
	Asked *time.Time `json:"asked,omitempty"`
}

type k3sNode struct {
	Cordoned bool        `json:"cordoned"` // by us
	Mark     ClusterMark `json:"mark,omitzero"`
	Zeroed   bool        `json:"zeroed,omitempty"`
}

// Capture keeps unit, gate and weight, and of the node what moded may change.
// An API server that does not answer is no reason not to be left.
func (k k3s) Capture(ctx context.Context, _ string, want fsm.Value) (fsm.Snapshot, error) {
	v, err := decodeK3s(want)
	if err != nil {
		return "", err
	}
	s, err := k.jobs.state(ctx, v.Unit)
	if err != nil {
		return "", err
	}
	was := k3sSnapshot{Value: v, Exists: s.exists(), Active: s.wanted()}
	if was.Shut, err = k.gates.shut(v.Unit, s.ID); err != nil {
		return "", err
	}
	if was.Weight, err = k.weight(ctx, v); err != nil || !was.Active {
		return fsm.NewValue(was), err
	}
	return k.captureNode(ctx, was)
}

func (k k3s) captureNode(ctx context.Context, was k3sSnapshot) (fsm.Snapshot, error) {
	now := time.Now().Truncate(time.Second) // as the cordon's date is
	node, err := k.glance(ctx, was.Value.look())
	switch {
	case errors.Is(err, ErrClusterSilent):
		was.Asked = &now
	case err != nil:
		return "", err
	default:
		was.Node = &k3sNode{Cordoned: node.Ours, Mark: node.Mark, Zeroed: node.Zeroed > 0}
	}
	return fsm.NewValue(was), nil
}

// Settled asks PID 1 and the API server.
func (k k3s) Settled(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeK3s(want)
	if err != nil {
		return false, err
	}
	s, err := k.jobs.state(ctx, v.Unit)
	if err != nil {
		return false, err
	}
	shut, err := k.gates.shut(v.Unit, s.ID)
	if err != nil {
		return false, err
	}
	switch {
	case v.State == k3sOff && (!s.down() || s.exists() && !shut):
		return false, nil
	case v.State == k3sOff:
		left, err := k.leftovers(ctx, v)
		return left == "", err
	case v.State == k3sReleased && s.down():
		return true, nil
	case v.runs() && !s.exists():
		return false, fmt.Errorf("%s %w", v.Unit, fsm.ErrMissing)
	case v.runs() && (!s.up() || shut):
		return false, nil
	}
	return k.nodeSettled(ctx, v)
}

func (k k3s) nodeSettled(ctx context.Context, v k3sValue) (bool, error) {
	if now, err := k.weight(ctx, v); err != nil || now != nil && *now != v.Weight {
		return false, err
	}
	node, err := k.glance(ctx, v.look())
	return err == nil && v.fits(node), err
}

// leftovers names what outlived k3s that the killall unit should have ended.
func (k k3s) leftovers(ctx context.Context, v k3sValue) (string, error) {
	if v.Killall == "" {
		return "", nil
	}
	left, err := k.Services.Processes(ctx, v.Unit)
	if err != nil || len(left) == 0 {
		return "", err
	}
	return fmt.Sprintf("%d processes of %s are left, %s (%d) among them", len(left), v.Unit, left[0].Comm, left[0].PID), nil
}

// look is the order that changes nothing and tells all that the value is about.
func (v k3sValue) look() ClusterOrder {
	return ClusterOrder{Node: v.Node, Select: v.Scale, Take: v.Take}
}

// order is what brings the node to where the value wants it.
func (v k3sValue) order() ClusterOrder {
	o := v.look()
	o.Mark, o.Cordon, o.ScaleTo = v.Mark, "off", "back"
	if v.drains() {
		o.Cordon, o.ScaleTo = "on", "zero"
	}
	return o
}

// fits tells whether the node is as the value wants it. A node that somebody
// else cordoned is full, as far as moded goes.
func (v k3sValue) fits(n ClusterNode) bool {
	if v.Mark != nil && *v.Mark != n.Mark {
		return false
	}
	if v.drains() {
		return n.Unschedulable && n.Left == 0 && n.Scaled == 0
	}
	return !n.Ours && n.Zeroed == 0
}
