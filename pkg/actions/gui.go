package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// gui is the kind gui: the display manager and its target are up, or they are
// down with their gates shut and nobody's graphical session is there.
//
// Going off ends sessions, and only those that the plan names. The gates are
// shut first, so that nothing starts a display manager again; then its units
// stop, so that it shows no new greeter for a session that ends; then what is
// left of the sessions is asked to end, forced to, and named.
type gui struct {
	Hands
	jobs  jobs
	gates gates
}

type guiValue struct {
	State string   `json:"state"` // on, off
	Units []string `json:"units"`
	// Sessions are those that going off may end.
	Sessions []fsm.Session `json:"sessions,omitempty"`
}

type guiSnapshot struct {
	// State is what the step wanted: it says in which direction to undo.
	State string    `json:"state"`
	Units []guiUnit `json:"units"`
	// Sessions are the graphical ones that were there.
	Sessions []fsm.Session `json:"sessions"`
}

type guiUnit struct {
	Name string `json:"name"`
	// ID names the gate; it is empty for a unit that does not exist.
	ID     string `json:"id,omitempty"`
	Active bool   `json:"active"`
	Shut   bool   `json:"shut"`
}

func decodeGUI(want fsm.Value) (v guiValue, err error) {
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	if v.State != "on" && v.State != "off" {
		return v, fmt.Errorf("the GUI is on or off, not %q", v.State)
	}
	return v, nil
}

// Rest of off is off. On has none: no session is ended to begin a GUI.
func (g gui) Rest(_ string, want fsm.Value) fsm.Value {
	if v, err := decodeGUI(want); err != nil || v.State == "off" {
		return want
	}
	return ""
}

// Bind writes into the value which sessions it may end.
func (g gui) Bind(_ context.Context, _ string, want fsm.Value, from fsm.Context) (fsm.Value, error) {
	v, err := decodeGUI(want)
	if err != nil || v.State == "on" {
		return want, err
	}
	v.Sessions = from.Ends
	return fsm.NewValue(v), nil
}

// Bound is the sum of all waits.
func (g gui) Bound(_ string, want fsm.Value) time.Duration {
	v, _ := decodeGUI(want) // a broken value fails at once
	each := g.Timing.UnitStart + g.Timing.UnitStop
	return time.Duration(max(2, len(v.Units)))*each + g.Timing.SessionTerm + g.Timing.SessionKill + slack
}

// Units names the display manager's units.
func (g gui) Units(_ string, want fsm.Value) []string {
	v, _ := decodeGUI(want) // a broken value is told by Do
	return v.Units
}

// Describe names the units. Whose sessions end is the plan's to say.
func (g gui) Describe(_ string, want fsm.Value, _ bool) (summary string, details []string) {
	v, _ := decodeGUI(want) // a broken value is told by Do
	if v.State == "on" {
		return "start the GUI", []string{"start " + strings.Join(v.Units, ", ")}
	}
	for _, s := range v.Sessions {
		if isGreeter(s) {
			details = append(details, "end the login screen")
		}
	}
	return "end the GUI", append(details, "stop "+strings.Join(v.Units, ", "))
}

// Preflight tells whether there is a GUI to start.
func (g gui) Preflight(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeGUI(want)
	if err != nil || v.State == "off" {
		return err
	}
	for _, unit := range v.Units {
		if _, err := g.jobs.usable(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// Capture keeps units, gates and who is there.
func (g gui) Capture(ctx context.Context, _ string, want fsm.Value) (fsm.Snapshot, error) {
	v, err := decodeGUI(want)
	if err != nil {
		return "", err
	}
	was := guiSnapshot{State: v.State}
	for _, name := range v.Units {
		unit, err := g.look(ctx, name)
		if err != nil {
			return "", err
		}
		was.Units = append(was.Units, unit)
	}
	if was.Sessions, err = g.graphical(ctx); err != nil {
		return "", err
	}
	return fsm.NewValue(was), nil
}

// look says how a unit and its gate are.
func (g gui) look(ctx context.Context, name string) (guiUnit, error) {
	s, err := g.jobs.glance(ctx, name)
	if err != nil || !s.exists() {
		return guiUnit{Name: name}, err
	}
	shut, err := g.gates.shut(name, s.ID)
	if err != nil {
		return guiUnit{}, err
	}
	return guiUnit{Name: name, ID: s.ID, Active: !s.down(), Shut: shut}, nil
}

func (g gui) graphical(ctx context.Context) ([]fsm.Session, error) {
	sessions, err := g.Logind.Graphical(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot see who is logged in: %w", err)
	}
	return sessions, nil
}

// Do starts the GUI, or ends it.
func (g gui) Do(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeGUI(want)
	switch {
	case err != nil:
		return err
	case v.State == "on":
		return g.turnOn(ctx, v.Units)
	default:
		return g.turnOff(ctx, v.Units, v.Sessions)
	}
}

func (g gui) turnOn(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := g.gates.move(ctx, name, false); err != nil {
			return err
		}
	}
	return g.startAll(ctx, names)
}

// startAll starts the units one after the other, and then watches them all at
// once for as long as one of them would be watched.
func (g gui) startAll(ctx context.Context, names []string) error {
	var begun []watched
	for _, name := range names {
		w, err := g.jobs.begin(ctx, name, g.Timing.UnitStart)
		if err != nil {
			return err
		}
		begun = append(begun, w)
	}
	for _, w := range begun {
		if err := g.jobs.stays(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (g gui) turnOff(ctx context.Context, names []string, planned []fsm.Session) error {
	if err := g.nobodyElse(ctx, planned); err != nil {
		return err
	}
	for _, name := range names {
		if err := g.gates.move(ctx, name, true); err != nil {
			return err
		}
	}
	if err := g.stopAll(ctx, names); err != nil {
		return err
	}
	return g.end(ctx, planned)
}

// stopAll stops the units, the last one first: the target before the display
// manager that it wants.
func (g gui) stopAll(ctx context.Context, names []string) error {
	for _, name := range slices.Backward(names) {
		if err := g.jobs.stop(ctx, name, g.Timing.UnitStop); err != nil {
			return err
		}
	}
	return nil
}

// nobodyElse returns ErrForeignSession when somebody is there whose session
// must not be ended. A login screen is nobody.
func (g gui) nobodyElse(ctx context.Context, planned []fsm.Session) error {
	now, err := g.graphical(ctx)
	if err != nil {
		return err
	}
	for _, s := range now {
		if !isGreeter(s) && !slices.ContainsFunc(planned, same(s)) {
			return fmt.Errorf("%w: %s of %s", fsm.ErrForeignSession, s.ID, s.User)
		}
	}
	return nil
}

func isGreeter(s fsm.Session) bool { return s.Class == "greeter" || s.Class == "lock-screen" }

func same(s fsm.Session) func(fsm.Session) bool {
	return func(o fsm.Session) bool { return o.ID == s.ID && o.UID == s.UID }
}

// Settled tells whether the GUI is as wanted. Off needs all of it: units down,
// gates shut, nobody there, and nothing left of the sessions that were ended.
func (g gui) Settled(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	v, err := decodeGUI(want)
	if err != nil {
		return false, err
	}
	on := v.State == "on"
	if on {
		if up, err := g.allUp(ctx, v.Units); !up {
			return false, err
		}
	}
	for _, name := range v.Units {
		unit, err := g.look(ctx, name)
		if err != nil {
			return false, err
		}
		if unit.ID != "" && (unit.Active != on || unit.Shut == on) {
			return false, nil
		}
	}
	if on {
		return true, nil
	}
	now, err := g.graphical(ctx)
	if err != nil || len(now) > 0 {
		return false, err
	}
	left, err := g.remains(ctx, v.Sessions)
	for _, r := range left {
		err = errors.Join(err, r.blind)
	}
	return err == nil && len(left) == 0, err
}

// allUp is stricter than Active, which a unit is on its way too. A unit that is
// not there is ErrMissing.
func (g gui) allUp(ctx context.Context, names []string) (bool, error) {
	for _, name := range names {
		if s, err := g.jobs.glance(ctx, name); err != nil || !s.up() {
			return false, cmp.Or(err, s.there(name))
		}
	}
	return true, nil
}
