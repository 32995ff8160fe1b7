package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/agent/notify"
)

// person is a desktop, a terminal and a daemon that note what happens. It is
// read between synctest.Wait and the next Notify.
type person struct {
	trace   []string
	err     error
	number  uint32
	pressed chan notify.Press
}

func (p *person) note(format string, args ...any) {
	p.trace = append(p.trace, fmt.Sprintf(format, args...))
}

func (p *person) Show(_ context.Context, n manager1.Notification, replaces uint32) (uint32, error) {
	if p.err != nil {
		return 0, p.err
	}
	p.number++
	p.note("show %s %d for %d", n.Kind, p.number, replaces)
	return p.number, nil
}

func (p *person) Close(_ context.Context, number uint32) error {
	p.note("close %d", number)
	return nil
}

func (p *person) Pressed() <-chan notify.Press { return p.pressed }

func (p *person) did(what string, id uint32) error {
	p.note("%s %d", what, id)
	return nil
}

func (p *person) Proceed(_ context.Context, id uint32) error { return p.did("proceed", id) }
func (p *person) Cancel(_ context.Context, id uint32) error  { return p.did("cancel", id) }
func (p *person) Confirm(_ context.Context, id uint32) error { return p.did("confirm", id) }

// tell runs a Notifier in a bubble and hands it a script.
func tell(t *testing.T, p *person, desktop bool, script func(n *notify.Notifier)) string {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p.pressed = make(chan notify.Press)
		var d notify.Desktop
		if desktop {
			d = p
		}
		n := notify.New(d, p, func(text string, warning bool) {
			p.note("%s %q", map[bool]string{true: "warn", false: "write"}[warning], text)
		}, func(event string, err error) { p.note("log %s: %v", event, err) })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			n.Run(ctx)
			close(ended)
		}()
		script(n)
		synctest.Wait()
		stop()
		<-ended
	})
	return strings.Join(p.trace, "\n")
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	settled := manager1.Notification{ID: 3, Kind: "settled", Summary: "It is\x1b[31m studio", Body: "now"}
	grace := manager1.Notification{ID: 3, Kind: "grace", Summary: "compute", Urgency: "critical", Ends: []string{"session 3 of dev"}}
	for name, c := range map[string]struct {
		desktop bool
		err     error
		n       manager1.Notification
		want    string
	}{
		"the desktop":                          {true, nil, settled, `show settled 1 for 0`},
		"terminals without a session bus":      {false, nil, settled, `write "\r\nmoded: It is[31m studio\r\nnow\r\n"`},
		"terminals without a service":          {true, notify.ErrNobody, settled, `write "\r\nmoded: It is[31m studio\r\nnow\r\n"`},
		"terminals when the service is broken": {true, errors.New("broken"), settled, "log cannot show a notification: broken\nwrite \"\\r\\nmoded: It is[31m studio\\r\\nnow\\r\\n\""},
		"both before programs close": {true, nil, grace, "show grace 1 for 0\n" +
			`warn "\r\n\amoded: compute\r\nThis ends:\r\n• session 3 of dev\r\nTo stop it: modectl cancel 3\r\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &person{err: c.err}
			if got := tell(t, p, c.desktop, func(n *notify.Notifier) { n.Notify(c.n) }); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestALaterOneReplacesAndClosedTakesAway(t *testing.T) {
	t.Parallel()
	got := tell(t, new(person), true, func(n *notify.Notifier) {
		for _, kind := range []string{"awaiting-confirm", "settled", "closed", "closed"} {
			n.Notify(manager1.Notification{ID: 3, Kind: kind})
		}
		n.Notify(manager1.Notification{ID: 4, Kind: "settled"})
	})
	if want := "show awaiting-confirm 1 for 0\nshow settled 2 for 1\nclose 2\nshow settled 3 for 0"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// What has begun is shown in the place of the countdown, until it is over, and
// written where people were warned.
func TestWhatStartsTakesThePlaceOfTheCountdown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		want   string
	}{
		"after a warning": {"grace", "show grace 1 for 0\nwarn \"\\r\\nmoded: \\r\\nTo stop it: modectl cancel 3\\r\\n\"\n" +
			"show started 2 for 1\nwarn \"\\r\\nmoded: now\\r\\n\"\nshow rolled-back 3 for 2\nwarn \"\\r\\nmoded: \\r\\n\""},
		"without one": {"", "show started 1 for 0\nshow rolled-back 2 for 1"},
	} {
		got := tell(t, new(person), true, func(n *notify.Notifier) {
			if c.before != "" {
				n.Notify(manager1.Notification{ID: 3, Kind: c.before})
			}
			n.Notify(manager1.Notification{ID: 3, Kind: "started", Summary: "now"})
			n.Notify(manager1.Notification{ID: 3, Kind: "rolled-back"})
		})
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestWhatIsDegradedIsShownOnceUntilItIsMended(t *testing.T) {
	t.Parallel()
	got := tell(t, new(person), true, func(n *notify.Notifier) {
		for _, kind := range []string{"degraded", "degraded", "news", "closed", "degraded"} {
			n.Notify(manager1.Notification{Kind: kind})
		}
	})
	if want := "show degraded 1 for 0\nshow degraded 2 for 1\nshow news 3 for 0\nclose 2\nshow degraded 4 for 0"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// The desktop and the terminals count down, and both learn that it is over.
func TestAGracePeriodCountsDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grace time.Duration
		then  func(n *notify.Notifier)
		want  string
	}{
		"to its end": {90 * time.Second, func(*notify.Notifier) { time.Sleep(2 * time.Minute) },
			"to compute (in 1 min 30 s), to compute (in 1 min), to compute (in 30 s), to compute (in 10 s)"},
		"until it is cancelled": {30 * time.Second, func(n *notify.Notifier) {
			time.Sleep(15 * time.Second)
			n.Notify(manager1.Notification{ID: 3, Kind: "cancelled", Summary: "cancelled"})
			n.Notify(manager1.Notification{ID: 3, Kind: "cancelled", Summary: "cancelled"})
			time.Sleep(time.Minute)
		}, "to compute (in 30 s), cancelled"},
		"whatever others do": {15 * time.Second, func(n *notify.Notifier) {
			n.Notify(manager1.Notification{ID: 2, Kind: "settled", Summary: "else"})
			time.Sleep(time.Minute)
		}, "to compute (in 15 s), to compute (in 10 s)"},
		"until it begins": {15 * time.Second, func(n *notify.Notifier) {
			n.Notify(manager1.Notification{ID: 3, Kind: "closed"})
			time.Sleep(time.Minute)
		}, "to compute (in 15 s)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := new(person)
			got := tell(t, p, true, func(n *notify.Notifier) {
				n.Notify(manager1.Notification{ID: 3, Kind: "grace", Summary: "to compute", Deadline: time.Now().Add(c.grace)})
				c.then(n)
			})
			var said []string
			for line := range strings.SplitSeq(got, "\n") {
				if text, ok := strings.CutPrefix(line, `warn "\r\nmoded: `); ok {
					text, _, _ = strings.Cut(text, `\r`)
					said = append(said, text)
				}
			}
			if text := strings.Join(said, ", "); text != c.want {
				t.Errorf("terminals were told %q, want %q\n%s", text, c.want, got)
			}
			if shows := strings.Count(got, "show grace"); shows != strings.Count(c.want, "to compute") {
				t.Errorf("the desktop showed it %d times:\n%s", shows, got)
			}
		})
	}
}

func TestButtonsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"proceed": "proceed 8", "cancel": "cancel 8", "confirm": "confirm 8", "default": ""} {
		p := new(person)
		got := tell(t, p, true, func(n *notify.Notifier) {
			n.Notify(manager1.Notification{ID: 8, Kind: "awaiting-confirm"})
			synctest.Wait()
			p.trace = nil
			p.pressed <- notify.Press{Number: 99, Key: key} // not ours
			p.pressed <- notify.Press{Number: 1, Key: key}
		})
		if got != want {
			t.Errorf("%s: %s", key, got)
		}
	}
}

func TestAFloodIsDropped(t *testing.T) {
	t.Parallel()
	p := new(person)
	n := notify.New(p, p, func(string, bool) {}, func(event string, err error) { p.note("log %s: %v", event, err) })
	for range 100 { // nobody runs it: Notify must not block
		n.Notify(manager1.Notification{})
	}
	if len(p.trace) != 84 {
		t.Errorf("dropped %d", len(p.trace))
	}
}
