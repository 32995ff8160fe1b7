package polkit_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/polkit"
)

const nobody = 65534

// people is a Watcher whose names leave when the test says so.
type people struct{ gone chan struct{} }

func (p people) Watch(context.Context, string) (<-chan struct{}, func(), error) {
	return p.gone, func() {}, nil
}

// script is a polkit that follows a test.
type script struct {
	asked     chan *dbus.Message
	cancelled chan string
	answer    func(m *dbus.Message) (any, *dbus.Error)
}

type answer struct {
	OK, Challenge bool
	Details       map[string]string
}

// fake puts a scripted polkit on a bus and returns an Authority that asks it.
func fake(t *testing.T, reply func(m *dbus.Message) (any, *dbus.Error)) (*script, *polkit.Authority, people) {
	t.Helper()
	b := bustest.Start(t, bustest.WithName("org.freedesktop.PolicyKit1"))
	s := &script{asked: make(chan *dbus.Message, 16), cancelled: make(chan string, 16), answer: reply}
	conn := b.Connect(t, dbus.WithHandler(s))
	if r, err := conn.RequestName("org.freedesktop.PolicyKit1", dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("cannot be polkit: %v %v", r, err)
	}
	w := people{make(chan struct{})}
	return s, polkit.New(b.Connect(t), w), w
}

// The scripted polkit serves any path, interface and method by itself, so that
// it sees messages as they are and may answer with any form.
func (s *script) LookupObject(dbus.ObjectPath) (dbus.ServerObject, bool) { return s, true }
func (s *script) LookupInterface(string) (dbus.Interface, bool)          { return s, true }
func (s *script) LookupMethod(name string) (dbus.Method, bool)           { return method{s, name}, true }

type method struct {
	s    *script
	name string
}

func (m method) NumArguments() int     { return 0 }
func (m method) NumReturns() int       { return 1 }
func (m method) ArgumentValue(int) any { return nil }
func (m method) ReturnValue(int) any   { return nil }
func (m method) DecodeArguments(_ *dbus.Conn, _ string, msg *dbus.Message, _ []any) ([]any, error) {
	return []any{msg}, nil
}

func (m method) Call(args ...any) ([]any, error) {
	msg, _ := args[0].(*dbus.Message)
	if m.name == "CancelCheckAuthorization" {
		id, _ := msg.Body[0].(string)
		m.s.cancelled <- id
		return nil, nil
	}
	m.s.asked <- msg
	result, err := m.s.answer(msg)
	if err != nil {
		return nil, err
	}
	return []any{result}, nil
}

func yes(*dbus.Message) (any, *dbus.Error) {
	return answer{OK: true, Details: map[string]string{}}, nil
}

func TestTheQuestionHasExactlyThisForm(t *testing.T) {
	t.Parallel()
	s, a, _ := fake(t, yes)
	for _, interactive := range []bool{false, true} {
		r, err := a.Check(t.Context(), polkit.Check{Sender: ":1.99", UID: 5, Action: "org.modectl.switch-mode",
			Details: map[string]string{"mode": "studio"}, Interactive: interactive})
		if err != nil || !r.Authorized() || r.Challenge() {
			t.Fatalf("got %+v, %v", r, err)
		}
		m := <-s.asked
		if got := m.Headers[dbus.FieldSignature].Value().(dbus.Signature).String(); got != "(sa{sv})sa{ss}us" {
			t.Errorf("signature %s", got)
		}
		id, _ := m.Body[4].(string)
		want := []any{[]any{"system-bus-name", map[string]dbus.Variant{"name": dbus.MakeVariant(":1.99")}},
			"org.modectl.switch-mode", map[string]string{"mode": "studio"}, uint32(0), ""}
		if interactive {
			want[3], want[4] = uint32(1), id
			if len(id) < 26 {
				t.Errorf("the cancellation id %q can be guessed", id)
			}
		}
		if !reflect.DeepEqual(m.Body, want) {
			t.Errorf("asked %#v\nwant %#v", m.Body, want)
		}
	}
}

func TestEverythingButAPlainYesDenies(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]func(*dbus.Message) (any, *dbus.Error){
		"an error": func(*dbus.Message) (any, *dbus.Error) { return nil, dbus.NewError("org.x.Y", nil) },
		"a no":     func(*dbus.Message) (any, *dbus.Error) { return answer{Details: map[string]string{}}, nil },
		"a challenge": func(*dbus.Message) (any, *dbus.Error) {
			return answer{Challenge: true, Details: map[string]string{}}, nil
		},
		"a bare true": func(*dbus.Message) (any, *dbus.Error) { return true, nil },
		"a text":      func(*dbus.Message) (any, *dbus.Error) { return "true", nil },
		"numbers":     func(*dbus.Message) (any, *dbus.Error) { return struct{ A, B uint32 }{1, 0}, nil },
		"another dictionary": func(*dbus.Message) (any, *dbus.Error) {
			return struct {
				A, B bool
				C    map[string]uint32
			}{true, false, map[string]uint32{}}, nil
		},
		"a structure too long": func(*dbus.Message) (any, *dbus.Error) {
			return struct {
				A, B bool
				C    map[string]string
				D    bool
			}{true, false, map[string]string{}, true}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, a, _ := fake(t, reply)
			r, err := a.Check(t.Context(), polkit.Check{Sender: ":1.99"})
			if r.Authorized() {
				t.Error("authorised")
			}
			if (err == nil) != (name == "a no" || name == "a challenge") || r.Challenge() != (name == "a challenge") {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
	if (polkit.Result{}).Authorized() {
		t.Error("the zero value is authorised")
	}
}

func TestWithoutPolkitEverybodyIsDenied(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	r, err := polkit.New(b.Connect(t), people{}).Check(t.Context(), polkit.Check{Sender: ":1.99"})
	if err == nil || r.Authorized() {
		t.Errorf("got %+v, %v", r, err)
	}
}

// hang is a polkit that waits for a person until the test is over.
func hang(t *testing.T) func(*dbus.Message) (any, *dbus.Error) {
	t.Helper()
	return func(*dbus.Message) (any, *dbus.Error) {
		<-t.Context().Done()
		return answer{OK: true, Details: map[string]string{}}, nil
	}
}

func TestAPromptIsTakenBackWhenItsCallerLeaves(t *testing.T) {
	t.Parallel()
	s, a, people := fake(t, hang(t))
	done := make(chan error, 1)
	go func() {
		r, err := a.Check(t.Context(), polkit.Check{Sender: ":1.99", Interactive: true})
		if r.Authorized() {
			err = errors.New("authorised")
		}
		done <- err
	}()
	id := (<-s.asked).Body[4]
	close(people.gone)
	if got := <-s.cancelled; got != id {
		t.Errorf("cancelled %q, not %q", got, id)
	}
	if err := <-done; !errors.Is(err, polkit.ErrCallerGone) {
		t.Errorf("got %v", err)
	}
}

func TestAUidHasOnePromptAndThereAreEight(t *testing.T) {
	t.Parallel()
	s, a, _ := fake(t, hang(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ask := func(uid uint32) error {
		_, err := a.Check(ctx, polkit.Check{Sender: ":1.99", UID: uid, Interactive: true})
		return err
	}
	done := make(chan error, 8)
	for uid := range uint32(8) {
		go func() { done <- ask(uid) }()
		<-s.asked
	}
	for _, uid := range []uint32{3, 100} {
		if err := ask(uid); !errors.Is(err, polkit.ErrTooManyPrompts) {
			t.Errorf("uid %d: got %v", uid, err)
		}
	}
	cancel()
	for range 8 {
		<-done
	}
	if err := ask(3); errors.Is(err, polkit.ErrTooManyPrompts) {
		t.Error("the places were not given back")
	}
}
