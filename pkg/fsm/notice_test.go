package fsm_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// crier notes what people are told.
type crier struct {
	mu   sync.Mutex
	said []string
}

func (c *crier) Notify(n fsm.Notice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := n.Kind
	if n.Outcome != "" {
		text += " " + string(n.Outcome)
	}
	if !n.Deadline.IsZero() {
		text += " " + time.Until(n.Deadline).Round(time.Second).String()
	}
	c.said = append(c.said, text)
}

func TestWhatPeopleAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		req  fsm.Request
		then func(t *testing.T, e *fsm.Engine, id uint32)
		want string
	}{
		"who waits is counted down": {fsm.Request{Mode: "compute"}, func(*testing.T, *fsm.Engine, uint32) { time.Sleep(time.Minute) },
			"grace 30s, started, finished settled"},
		"and asked to confirm": {fsm.Request{Mode: "compute", ConfirmWithin: 2 * time.Minute}, func(t *testing.T, e *fsm.Engine, id uint32) {
			t.Helper()
			time.Sleep(time.Minute)
			if err := e.Confirm(id); err != nil {
				t.Error(err)
			}
		}, "grace 30s, started, awaiting-confirm 2m0s, finished settled"},
		"a cancelled countdown": {fsm.Request{Mode: "compute"}, func(t *testing.T, e *fsm.Engine, id uint32) {
			t.Helper()
			time.Sleep(30*time.Second - time.Nanosecond) // at the last moment
			if err := e.Cancel(t.Context(), id, 0); err != nil {
				t.Error(err)
			}
		}, "grace 30s, cancelled, finished cancelled"},
		"nobody is warned of what ends no session": {fsm.Request{Mode: "studio"}, func(*testing.T, *fsm.Engine, uint32) {}, "started, finished settled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("desktop")
				w.SetPeople(dev)
				cfg, heard := w.Config(toyCatalog(t)), &crier{}
				cfg.Notifier = heard
				e := startWith(t, w, cfg)
				defer stop(t, e)
				id, err := e.Switch(t.Context(), c.req)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				before := len(w.Steps())
				c.then(t, e, id)
				settle(e)
				if got := strings.Join(heard.said, ", "); got != c.want {
					t.Errorf("people were told %q, want %q", got, c.want)
				}
				if strings.Contains(c.want, "cancelled") && len(w.Steps()) != before {
					t.Errorf("it touched %v", w.Steps()[before:])
				}
			})
		})
	}
}
