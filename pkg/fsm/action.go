package fsm

import "context"

// Action moves one kind of knob and puts it back. All methods may be called
// from several goroutines, for different keys.
//
//   - Capture reads only; want says which thing it is about (units, addresses).
//   - Do is idempotent: twice is as good as once.
//   - Undo is idempotent, and safe if Do never ran, or ran half.
//   - Settled tells whether the knob stands at want; it reads only. An error
//     means that it could not be found out.
//
// fsmtest.Conformance checks all of this for every action.
type Action interface {
	Capture(ctx context.Context, key string, want Value) (Snapshot, error)
	Do(ctx context.Context, key string, want Value) error
	Undo(ctx context.Context, key string, was Snapshot) error
	Settled(ctx context.Context, key string, want Value) (bool, error)
}

// Rester is an Action whose knob has a rest value, to which it is released
// before it is acquired for something else: a unit inactive, the GUI off.
type Rester interface {
	// Rest gives the rest value that belongs to want (it may carry want's
	// identity: the same unit, the same GPU).
	Rest(key string, want Value) Value
}

// Binder is an Action whose step needs more than the mode states: the sessions
// that will be ended, the units that a target stops by name. Bind runs while
// the plan is made, reads only, and returns the step's self-contained value.
type Binder interface {
	Bind(ctx context.Context, key string, want Value, from Context) (Value, error)
}

// Context is what a Binder may know about the transition it is planned for.
type Context struct {
	From, To string
	// Current is the value that the mode being left states for the same knob,
	// or the empty Value.
	Current Value
	// Ends are the sessions frozen for this plan.
	Ends []Session
}

// Preflighter is an Action that can tell before anything is touched that an
// acquire cannot succeed: the unit is not there, its API does not answer.
type Preflighter interface {
	// Preflight returns nil when the acquire may be tried, ErrMissing (wrapped)
	// when the thing does not exist on this machine, another error when it
	// exists and cannot work.
	Preflight(ctx context.Context, key string, want Value) error
}

// Adviser is an Action that can tell what an admin should mend although a step
// will work.
type Adviser interface {
	// Advise reads only. What it cannot find out, it keeps to itself.
	Advise(ctx context.Context, key string, want Value) []Advice
}

// Advice becomes a warning of the plan.
type Advice struct {
	// Code is stable; Summary is one sentence, Remedy what to do.
	Code    string
	Summary string
	Remedy  string
}

// Gatekeeper is an Action whose knob keeps units from being started by others
// while it stands somewhere. What a mode leaves to others again, its gates must
// not hold: the way to a mode that says nothing about the knob opens them.
type Gatekeeper interface {
	// Gates names the units that are held at that value. It is pure.
	Gates(key string, want Value) []string
}

// Describer is an Action that can say what a step will do.
type Describer interface {
	// Describe returns a summary in the imperative ("stop ai.service") and
	// details, one a line (units by name, sessions by user). It is pure.
	Describe(key string, want Value, release bool) (summary string, details []string)
}

// Speaker is an Action that can put a value into words.
type Speaker interface {
	// Words says in short where the value puts the knob: "compute, power limit
	// 250W". It is pure, and returns nothing for a value that it cannot read.
	Words(want Value) string
}

// Teller is an Action that can say in what a knob differs from a value that it
// does not stand at: "power limit is 300W".
type Teller interface {
	// Tell reads only. It is asked after Settled was false, in the same round,
	// and returns nothing when there is nothing to tell.
	Tell(ctx context.Context, key string, want Value) (string, error)
}

// Manager is an Action that owns things that a guard may meet: the units whose
// processes a plan will stop anyway.
type Manager interface {
	// Units names the units that the value says the knob owns.
	Units(key string, want Value) []string
}

// progressKey is where WithProgress keeps who listens.
type progressKey struct{}

// WithProgress returns a context whose Report calls reach f. The engine gives
// such a context to Do and Undo.
func WithProgress(ctx context.Context, f func(text string)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// Report tells whoever watches the step what it is waiting for: "waiting for
// gpu0: held by Xorg (1234)". It never fails and is cheap when nobody watches.
func Report(ctx context.Context, text string) {
	if f, ok := ctx.Value(progressKey{}).(func(string)); ok {
		f(text)
	}
}

// ownedKey is where WithOwned keeps the units of a plan.
type ownedKey struct{}

// WithOwned returns a context that knows which units the open plan moves.
// The engine gives such a context to Do and Undo.
func WithOwned(ctx context.Context, units []string) context.Context {
	return context.WithValue(ctx, ownedKey{}, units)
}

// Owned names the units that the open plan moves, where that is known: a
// process of theirs in the way is the plan's own, and not somebody's.
func Owned(ctx context.Context) []string {
	units, _ := ctx.Value(ownedKey{}).([]string)
	return units
}

// cautionKey is where WithCautions keeps who listens.
type cautionKey struct{}

// WithCautions returns a context whose Caution calls reach f. The engine gives such
// a context to Do and Undo.
func WithCautions(ctx context.Context, f func(text string)) context.Context {
	return context.WithValue(ctx, cautionKey{}, f)
}

// Caution tells what people should know of a step that does its work all the same:
// it is in Degraded and in the transition's message when all is over. It never
// fails.
func Caution(ctx context.Context, text string) {
	Report(ctx, text)
	if f, ok := ctx.Value(cautionKey{}).(func(string)); ok {
		f(text)
	}
}
