package notify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/agent/notify"
)

// A whole transition as a person sees it: a service on the session bus, and the
// daemon on another, which is asked with the rights of the user.
func TestAButtonOfTheDesktopReachesTheDaemon(t *testing.T) {
	t.Parallel()
	for key, method := range map[string]string{"cancel": manager1.MethodCancel, "proceed": manager1.MethodProceed} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			sessionBus, desktop := session(t)
			fake, conn := serve(t, sessionBus, "actions")
			asked := make(chan string, 1)
			d := &manager1test.Daemon{Script: func(_ *manager1test.Daemon, method string, id uint32) {
				if id == 5 {
					asked <- method
				}
			}}
			address := manager1test.Bus(t)
			d.Serve(t, address)
			client := manager1.New(manager1test.Connect(t, address))
			ctx, stop := context.WithCancel(t.Context())
			n := notify.New(desktop, client, func(string, bool) {}, func(event string, err error) {
				if ctx.Err() == nil {
					t.Errorf("%s: %v", event, err)
				}
			})
			ended := make(chan struct{})
			go func() {
				n.Run(ctx)
				close(ended)
			}()
			n.Notify(manager1.Notification{ID: 5, Kind: "grace", Summary: "To compute", Urgency: "critical", Deadline: time.Now().Add(time.Hour)})
			if got := <-fake.shown; !strings.Contains(got, "[proceed Now cancel Cancel]") || !strings.HasPrefix(got, "moded 0 ") {
				t.Errorf("shown: %s", got)
			}
			if err := conn.Emit(path, service+".ActionInvoked", uint32(42), key); err != nil {
				t.Fatal(err)
			}
			if got := <-asked; got != method {
				t.Errorf("the daemon was asked for %s", got)
			}
			for _, next := range []struct{ kind, shown string }{
				{"started", `moded 42 "now" "" [] `}, {"rolled-back", `moded 42 "now" "" [] `}, {"closed", "close 42"},
			} {
				n.Notify(manager1.Notification{ID: 5, Kind: next.kind, Summary: "now"})
				if got := <-fake.shown; !strings.HasPrefix(got, next.shown) {
					t.Errorf("%s: shown %s", next.kind, got)
				}
			}
			stop()
			<-ended
		})
	}
}
