// Package polkit asks polkit whether a caller on the bus may do something.
//
// The subject is always the caller's unique bus name: names are not reused,
// while process ids are, and the bus vouches for them. Every way in which an
// answer can fail to come is a denial: a Result that was not parsed from
// polkit's own reply is the zero value, and the zero value is denied.
//
// Prompts are bounded (one pending for a uid, eight in all), last 120 seconds
// at most, and are cancelled when the caller leaves the bus.
package polkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// Bounds of a check.
const (
	// PromptTimeout is how long a person may take to answer.
	PromptTimeout = 120 * time.Second
	// checkTimeout is for checks without a prompt, and for cancelling.
	checkTimeout = 5 * time.Second
)

// Reasons why there is no answer. All of them deny.
var (
	// ErrTooManyPrompts says that the caller's uid has a prompt open already,
	// or that there are eight.
	ErrTooManyPrompts = errors.New("too many prompts are open")
	// ErrCallerGone says that the caller left the bus while it was asked.
	ErrCallerGone = errors.New("the caller has left the bus")
	errForm       = errors.New("the reply has a wrong form")
)

const (
	name      = "org.freedesktop.PolicyKit1"
	path      = dbus.ObjectPath("/org/freedesktop/PolicyKit1/Authority")
	methods   = "org.freedesktop.PolicyKit1.Authority."
	prompting = uint32(1) // AllowUserInteraction
)

// Result is polkit's answer. Only this package makes one that is authorised.
type Result struct{ authorized, challenge bool }

// Authorized tells whether the caller may.
func (r Result) Authorized() bool { return r.authorized }

// Challenge tells whether the caller, not authorised now, might be after a
// prompt.
func (r Result) Challenge() bool { return !r.authorized && r.challenge }

// Check is one question.
type Check struct {
	// Sender is the caller's unique name, and UID who that is by the bus.
	Sender string
	UID    uint32
	// Action is an action of org.modectl.policy.
	Action string
	// Details are shown in the prompt: mode, from, victims.
	Details map[string]string
	// Interactive is whether the call carried ALLOW_INTERACTIVE_AUTHORIZATION:
	// only then a person may be prompted.
	Interactive bool
}

// Watcher tells when somebody leaves the bus. The channel is closed then, also
// when that was before the call. stop must be called.
type Watcher interface {
	Watch(ctx context.Context, unique string) (gone <-chan struct{}, stop func(), err error)
}

// Authority is polkit, reached over a connection.
type Authority struct {
	object  dbus.BusObject
	watcher Watcher
	prompts prompts
}

// New returns an Authority. polkit need not be there.
func New(conn *dbus.Conn, watcher Watcher) *Authority {
	return &Authority{object: conn.Object(name, path), watcher: watcher}
}

// Check asks. With an error the result is denied.
func (a *Authority) Check(ctx context.Context, c Check) (Result, error) {
	if c.Interactive {
		return a.prompt(ctx, c)
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return a.ask(ctx, c, 0, "")
}

// prompt asks with the permission to bother a person, and takes the question
// back when it is no longer of interest.
func (a *Authority) prompt(ctx context.Context, c Check) (Result, error) {
	if !a.prompts.enter(c.UID) {
		return Result{}, ErrTooManyPrompts
	}
	defer a.prompts.leave(c.UID)
	ctx, cancel := context.WithTimeout(ctx, PromptTimeout)
	defer cancel()
	ctx, end, err := a.untilGone(ctx, c.Sender)
	if err != nil {
		return Result{}, err
	}
	defer end()
	id := rand.Text() // unguessable: whoever knows it can cancel
	result, err := a.ask(ctx, c, prompting, id)
	if ctx.Err() != nil {
		a.takeBack(ctx, id)
		return Result{}, fmt.Errorf("cannot ask polkit: %w", context.Cause(ctx))
	}
	return result, err
}

// untilGone ends the context when the caller leaves the bus.
func (a *Authority) untilGone(ctx context.Context, unique string) (context.Context, func(), error) {
	gone, stop, err := a.watcher.Watch(ctx, unique)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot watch the caller: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-gone:
			cancel(ErrCallerGone)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
		stop()
	}, nil
}

// takeBack closes the dialogue. It has its own deadline: ctx has ended.
func (a *Authority) takeBack(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	// polkit may have answered in the meantime, or be gone; both are fine.
	_ = a.object.CallWithContext(ctx, methods+"CancelCheckAuthorization", dbus.FlagNoAutoStart, id).Err
}

// subject is (sa{sv}).
type subject struct {
	Kind    string
	Details map[string]dbus.Variant
}

func (a *Authority) ask(ctx context.Context, c Check, flags uint32, id string) (Result, error) {
	who := subject{"system-bus-name", map[string]dbus.Variant{"name": dbus.MakeVariant(c.Sender)}}
	details := c.Details
	if details == nil {
		details = map[string]string{}
	}
	call := a.object.CallWithContext(ctx, methods+"CheckAuthorization", 0, who, c.Action, details, flags, id)
	if call.Err != nil {
		return Result{}, fmt.Errorf("cannot ask polkit: %w", call.Err)
	}
	return parse(call.Body)
}

// parse reads (bba{ss}), exactly.
func parse(body []any) (Result, error) {
	if len(body) != 1 {
		return Result{}, errForm
	}
	fields, ok := body[0].([]any)
	if !ok || len(fields) != 3 {
		return Result{}, errForm
	}
	authorized, ok1 := fields[0].(bool)
	challenge, ok2 := fields[1].(bool)
	_, ok3 := fields[2].(map[string]string)
	if !ok1 || !ok2 || !ok3 {
		return Result{}, errForm
	}
	return Result{authorized, challenge}, nil
}
