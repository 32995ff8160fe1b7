package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The accessibility bus, where programs tell screen readers what they show.
const (
	a11yAccessible = "org.a11y.atspi.Accessible"
	a11yRegistry   = "org.a11y.atspi.Registry"
	a11yRoot       = dbus.ObjectPath("/org/a11y/atspi/accessible/root")
)

// The states of things that matter here, by their bit.
const (
	stateChecked   = 4
	stateSensitive = 24
	stateShowing   = 25
)

// thing is something that a program shows.
type thing struct {
	Sender string
	Path   dbus.ObjectPath

	role, name, about string
	states            uint64
}

func (t thing) is(state int) bool { return t.states&(1<<state) != 0 }

func (t thing) String() string {
	text := fmt.Sprintf("%s %q", t.role, t.name)
	if t.about != "" {
		text += fmt.Sprintf(" (%s)", t.about)
	}
	return text
}

// reader reads the screen of one program.
type reader struct {
	conn    *dbus.Conn
	program string
}

// newReader finds the accessibility bus of a session, which starts it.
func newReader(ctx context.Context, session *dbus.Conn, program string) (*reader, error) {
	var address string
	if err := session.Object("org.a11y.Bus", "/org/a11y/bus").CallWithContext(ctx, "org.a11y.Bus.GetAddress", 0).Store(&address); err != nil {
		return nil, fmt.Errorf("cannot find the accessibility bus: %w", err)
	}
	conn, err := dbus.Connect(address)
	return &reader{conn, program}, err
}

// shown is all that the program shows, from the top.
func (r *reader) shown(ctx context.Context) ([]thing, error) {
	programs, err := r.children(ctx, thing{Sender: a11yRegistry, Path: a11yRoot})
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if name, err := r.property(ctx, p, "Name"); err == nil && name == r.program {
			return r.below(ctx, p)
		}
	}
	return nil, fmt.Errorf("%s is not on the accessibility bus", r.program)
}

// below is what shows in t. What went away while it was looked at is left out.
func (r *reader) below(ctx context.Context, t thing) ([]thing, error) {
	children, err := r.children(ctx, t)
	if err != nil {
		return nil, err
	}
	var all []thing
	for _, child := range children {
		if r.look(ctx, &child) != nil || !child.is(stateShowing) {
			continue
		}
		if deeper, err := r.below(ctx, child); err == nil {
			all = append(append(all, child), deeper...)
		}
	}
	return all, ctx.Err()
}

func (r *reader) look(ctx context.Context, t *thing) error {
	var states []uint32
	if err := r.call(ctx, *t, a11yAccessible+".GetState").Store(&states); err != nil {
		return err
	}
	for i, bits := range states {
		t.states |= uint64(bits) << (32 * i)
	}
	if err := r.call(ctx, *t, a11yAccessible+".GetRoleName").Store(&t.role); err != nil {
		return err
	}
	var err error
	if t.name, err = r.property(ctx, *t, "Name"); err != nil {
		return err
	}
	t.about, err = r.property(ctx, *t, "Description")
	return err
}

func (r *reader) children(ctx context.Context, t thing) ([]thing, error) {
	var refs []struct {
		Sender string
		Path   dbus.ObjectPath
	}
	if err := r.call(ctx, t, a11yAccessible+".GetChildren").Store(&refs); err != nil {
		return nil, err
	}
	var children []thing
	for _, ref := range refs {
		children = append(children, thing{Sender: ref.Sender, Path: ref.Path})
	}
	return children, nil
}

func (r *reader) property(ctx context.Context, t thing, name string) (string, error) {
	var text string
	err := r.call(ctx, t, "org.freedesktop.DBus.Properties.Get", a11yAccessible, name).Store(&text)
	return text, err
}

func (r *reader) call(ctx context.Context, t thing, method string, args ...any) *dbus.Call {
	return r.conn.Object(t.Sender, t.Path).CallWithContext(ctx, method, 0, args...)
}

// middle is where a thing is to be clicked.
func (r *reader) middle(ctx context.Context, t thing) (x, y int32, err error) {
	var at struct{ X, Y, Width, Height int32 }
	err = r.call(ctx, t, "org.a11y.atspi.Component.GetExtents", uint32(0)).Store(&at)
	return at.X + at.Width/2, at.Y + at.Height/2, err
}

// find is the thing of that role and name. The role is its last words: what was
// a push button is a button elsewhere.
func find(all []thing, role, name string) (thing, error) {
	for _, t := range all {
		if t.name == name && strings.HasSuffix(t.role, role) {
			return t, nil
		}
	}
	return thing{}, fmt.Errorf("there is no %s %q, only:\n%s", role, name, list(all))
}

// reads tells whether some thing says the text.
func reads(all []thing, text string) bool {
	for _, t := range all {
		if strings.Contains(t.name, text) || strings.Contains(t.about, text) {
			return true
		}
	}
	return false
}

func list(all []thing) string {
	var lines []string
	for _, t := range all {
		if t.name != "" && !strings.HasPrefix(t.name, "<!DOCTYPE") { // rich text, whose words another thing has
			lines = append(lines, t.String())
		}
	}
	return strings.Join(lines, "\n")
}
