package fsm_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

func TestGraceIsAPromiseThatCancelTakesBackForFree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := e.State(); s.Open.Phase != fsm.Grace || time.Until(s.Open.Deadline) != 30*time.Second || s.Mode != "desktop" {
			t.Errorf("state is %+v", s.Open)
		}
		if _, err := e.Switch(t.Context(), fsm.Request{Mode: "studio"}); !errors.Is(err, fsm.ErrBusy) {
			t.Errorf("not busy: %v", err)
		}
		time.Sleep(29 * time.Second)
		if err := e.Cancel(t.Context(), id, 1000); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if last := e.State().Last; last.Outcome != fsm.Cancelled || len(w.Steps()) != 0 || w.Saves > 1 {
			t.Errorf("outcome %s, saves %d", last.Outcome, w.Saves)
		}
	})
}

func TestProceedEndsTheCountdown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *fsmtest.World, e *fsm.Engine) {
		id, err := e.Switch(t.Context(), fsm.Request{Mode: "compute"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		synctest.Wait()
		if err := e.Proceed(id); err != nil {
			t.Fatal(err)
		}
		settle(e)
		if e.State().Mode != "compute" || time.Since(began) > 5*time.Second {
			t.Errorf("mode %s after %s", e.State().Mode, time.Since(began))
		}
	})
}

func TestANewLoginDuringGraceEndsNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
		begins(t, e, fsm.Request{Mode: "compute", Override: true})
		other := dev
		other.ID, other.User, other.UID = "9", "other", 1001
		w.SetPeople(dev, other)
		settle(e)
		last := e.State().Last
		if last.Outcome != fsm.Refused && last.Outcome != fsm.Cancelled || len(w.Steps()) != 0 || !strings.Contains(last.Message, "session appeared: 9") {
			t.Errorf("outcome %s: %s", last.Outcome, last.Message)
		}
	})
}

func TestGuardsAreAskedAgainAfterGraceAndAtTheLastLook(t *testing.T) {
	t.Parallel()
	for name, deny := range map[string]int{"after grace": 2, "right before the session ends": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
				asked := 0
				w.OnAsk = func(fsm.Question) {
					if asked++; asked == deny {
						w.Answers["quiet"] = fsm.Deny
					}
				}
				goes(t, e, fsm.Request{Mode: "compute"})
				if len(w.People) != 1 || e.State().Mode != "desktop" {
					t.Errorf("mode %s, people %v", e.State().Mode, w.People)
				}
			})
		})
	}
}

func TestGuardsAreToldOnlyOfSessionsThatThePlanEnds(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]int{"compute": 1, "studio": 0} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *fsmtest.World, e *fsm.Engine) {
				asked := 0
				w.OnAsk = func(q fsm.Question) {
					if asked++; len(q.Ends) != want {
						t.Errorf("question %d is told that %d sessions end, not %d", asked, len(q.Ends), want)
					}
				}
				if _, err := e.Plan(t.Context(), fsm.Request{Mode: mode}); err != nil {
					t.Fatal(err)
				}
				goes(t, e, fsm.Request{Mode: mode})
				if asked < 2 || e.State().Mode != mode {
					t.Errorf("asked %d times, mode %s", asked, e.State().Mode)
				}
			})
		})
	}
}
