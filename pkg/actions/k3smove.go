package actions

import (
	"context"
	"errors"
	"fmt"

	"github.com/modectl/moded/pkg/fsm"
)

// Do opens the node, drains it, or drains it and stops k3s.
func (k k3s) Do(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeK3s(want)
	if err != nil {
		return err
	}
	switch v.State {
	case k3sReleased:
		return k.release(ctx, v)
	case k3sOff:
		return k.turnOff(ctx, v)
	}
	if err := k.turnOn(ctx, v); err != nil {
		return err
	}
	if v.drains() {
		return k.drain(ctx, v)
	}
	node, err := k.ask(ctx, v.order())
	if err == nil && node.Unschedulable {
		fsm.Caution(ctx, fmt.Sprintf("node %s stays cordoned: it was not moded that cordoned it", node.Name))
	}
	return err
}

// turnOn opens the gate and starts the unit, at the weight that it is to have.
func (k k3s) turnOn(ctx context.Context, v k3sValue) error {
	if err := k.gates.move(ctx, v.Unit, false); err != nil {
		return err
	}
	if err := k.jobs.start(ctx, v.Unit, k.startLimit(v)); err != nil {
		return err
	}
	return k.weigh(ctx, v.Unit, v.Weight)
}

// release drains the node. Where nobody answers who could drain it, k3s is
// stopped instead: it starts nothing more, and whoever needs a GPU that its
// containers keep will be told by name.
func (k k3s) release(ctx context.Context, v k3sValue) error {
	if s, err := k.jobs.state(ctx, v.Unit); err != nil || s.down() {
		return err
	}
	err := k.drain(ctx, v)
	if !errors.Is(err, ErrClusterSilent) {
		return err
	}
	fsm.Caution(ctx, fmt.Sprintf("%s is stopped without draining its node, whose containers go on: %v", v.Unit, err))
	return k.jobs.stop(ctx, v.Unit, k.Timing.UnitStop)
}

// turnOff drains, shuts the gate, stops the unit, and ends what it leaves.
func (k k3s) turnOff(ctx context.Context, v k3sValue) error {
	if v.Killall != "" {
		if _, err := k.jobs.usable(ctx, v.Killall); err != nil {
			return err
		}
	}
	if err := k.release(ctx, v); err != nil {
		return err
	}
	if err := k.gates.move(ctx, v.Unit, true); err != nil {
		return err
	}
	return k.bringDown(ctx, v)
}

// bringDown stops the unit. Its containers survive that (KillMode=process): the
// killall unit ends them.
func (k k3s) bringDown(ctx context.Context, v k3sValue) error {
	if err := k.jobs.stop(ctx, v.Unit, k.Timing.UnitStop); err != nil || v.Killall == "" {
		return err
	}
	fsm.Report(ctx, "ending the containers of "+v.Unit)
	result, err := k.jobs.within(ctx, k.Timing.UnitStart, func(ctx context.Context) (string, error) { return k.Hands.Units.Start(ctx, v.Killall) })
	if err == nil && result != "done" {
		err = fmt.Errorf("job result %s", result)
	}
	if err != nil {
		return fmt.Errorf("cannot end the containers of %s with %s: %w", v.Unit, v.Killall, err)
	}
	left, err := k.leftovers(ctx, v)
	if err == nil && left != "" {
		err = fmt.Errorf("%s has run, and %s", v.Killall, left)
	}
	return err
}

// Undo brings unit, gate, weight and node back to where they were.
func (k k3s) Undo(ctx context.Context, _ string, snapshot fsm.Snapshot) error {
	var was k3sSnapshot
	if err := snapshot.Decode(&was); err != nil {
		return err
	}
	if !was.Exists {
		return nil // nothing could be done
	}
	if !was.Active {
		return k.backDown(ctx, was)
	}
	if err := k.gates.move(ctx, was.Value.Unit, false); err != nil {
		return err
	}
	if err := k.jobs.start(ctx, was.Value.Unit, k.startLimit(was.Value)); err != nil {
		return err
	}
	if err := errors.Join(k.weighBack(ctx, was), k.gates.move(ctx, was.Value.Unit, was.Shut)); err != nil {
		return err
	}
	if was.Node == nil {
		return k.undoUnseen(ctx, was)
	}
	_, err := k.ask(ctx, was.order())
	return err
}

// order is what brings the node back.
func (was k3sSnapshot) order() ClusterOrder {
	o := was.Value.look()
	o.Mark, o.Cordon, o.ScaleTo, o.Fence = &was.Node.Mark, "off", "back", true
	if was.Node.Cordoned {
		o.Cordon = "on"
	}
	if was.Node.Zeroed {
		o.ScaleTo = "zero"
	}
	return o
}

// undoUnseen undoes where the API server did not answer before: a cordon of ours
// that is younger than that was made by what is undone. A server that still does
// not answer is as it was.
func (k k3s) undoUnseen(ctx context.Context, was k3sSnapshot) error {
	node, err := k.ask(ctx, was.Value.look())
	if errors.Is(err, ErrClusterSilent) {
		return nil
	}
	if err == nil && node.Ours && was.Asked != nil && !node.Since.Before(*was.Asked) {
		order := was.Value.look()
		order.Cordon, order.ScaleTo, order.Fence = "off", "back", true
		_, err = k.ask(ctx, order)
	}
	return err
}

// backDown stops a k3s that was down, without leaving work behind if it can.
// A node whose gate was shut was cordoned by moded before it went down; any
// other was nobody's business.
func (k k3s) backDown(ctx context.Context, was k3sSnapshot) error {
	v := was.Value
	v.State, v.Mark = k3sReleased, &ClusterMark{}
	s, err := k.jobs.state(ctx, v.Unit)
	if err == nil && !s.down() {
		err = k.backOut(ctx, v, was.Shut)
	}
	if err == nil {
		err = errors.Join(k.weighBack(ctx, was), k.gates.move(ctx, v.Unit, was.Shut))
	}
	if err != nil || s.down() {
		return err
	}
	if !was.Shut {
		v.Killall = ""
	}
	return k.bringDown(ctx, v)
}

// backOut cordons and drains a node on its way down, as far as the API server
// answers and the pods go.
func (k k3s) backOut(ctx context.Context, v k3sValue, staysCordoned bool) error {
	cordon := v.order()
	if _, err := k.ask(ctx, cordon); err != nil {
		if errors.Is(err, ErrClusterSilent) {
			return nil
		}
		return err
	}
	if err := k.drain(ctx, v); err != nil {
		fsm.Caution(ctx, err.Error())
	}
	if staysCordoned {
		return nil
	}
	back := v.look()
	back.Cordon, back.ScaleTo = "off", "back"
	_, err := k.ask(ctx, back)
	return err
}
