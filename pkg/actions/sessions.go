package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// remnant is what is left of a session that was to end, and why that matters.
type remnant struct {
	session fsm.Session
	// alive is true when logind still knows it, scope when processes are left
	// in its scope, desktop when the user's manager still shows a desktop.
	alive, scope, desktop bool
	text                  string
	// blind is why it cannot be seen whether anything is left: the next look may.
	blind error
}

// end ends sessions: it asks, waits, forces, waits, and names what is left.
// Only the sessions given are touched.
func (g gui) end(ctx context.Context, sessions []fsm.Session) error {
	if len(sessions) == 0 {
		return nil
	}
	left, err := g.remains(ctx, sessions)
	if err != nil || len(left) == 0 {
		return err
	}
	for _, r := range left {
		if !r.alive {
			continue
		}
		if err := g.Logind.Terminate(ctx, r.session.ID); err != nil {
			return fmt.Errorf("cannot end session %s of %s: %w", r.session.ID, r.session.User, err)
		}
	}
	if left, err = g.awaitEnd(ctx, sessions, g.Timing.SessionTerm); err != nil || len(left) == 0 {
		return err
	}
	if err := g.force(ctx, left); err != nil {
		return err
	}
	if left, err = g.awaitEnd(ctx, sessions, g.Timing.SessionKill); err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("cannot end the GUI: %s", texts(left))
}

// awaitEnd waits until nothing remains, and returns what does. A desktop that
// outlives its session in the user's manager is ended by the user's agent.
func (g gui) awaitEnd(ctx context.Context, sessions []fsm.Session, limit time.Duration) (left []remnant, err error) {
	asked := map[uint32]bool{}
	_, err = until(ctx, limit, 2*g.Timing.Poll, func() (bool, error) {
		if left, err = g.remains(ctx, sessions); err != nil {
			return false, err
		}
		for _, r := range left {
			if r.desktop && !asked[r.session.UID] {
				asked[r.session.UID] = true
				if err := g.endDesktop(ctx, r.session.UID); err != nil {
					fsm.Report(ctx, err.Error())
				}
			}
		}
		if len(left) > 0 {
			fsm.Report(ctx, "waiting: "+texts(left))
		}
		return len(left) == 0, nil
	})
	return left, err
}

func (g gui) endDesktop(ctx context.Context, uid uint32) error {
	off := fsm.NewValue(map[string]string{"state": "off"})
	if _, _, err := g.Agents.Apply(ctx, uid, "session", off); err != nil {
		return fmt.Errorf("cannot ask agent of uid %d to end the desktop: %w", uid, err)
	}
	return nil
}

// force kills what is left of the sessions' own processes. A scope is stopped,
// too: one whose last process died while PID 1 was starting it counts as active
// with nobody in it, and logind waits for its end, until somebody does.
func (g gui) force(ctx context.Context, left []remnant) error {
	for _, r := range left {
		if r.alive {
			if err := g.Logind.Kill(ctx, r.session.ID); err != nil {
				return fmt.Errorf("cannot kill session %s of %s: %w", r.session.ID, r.session.User, err)
			}
		}
		if (r.alive || r.scope) && r.session.Scope != "" {
			// Its job may well outlast the wait; what counts is what is left.
			stopping, cancel := context.WithTimeout(ctx, g.Timing.SessionKill)
			_, err := g.Hands.Units.Stop(stopping, r.session.Scope)
			cancel()
			if err != nil && ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// remains lists what is left of the sessions.
func (g gui) remains(ctx context.Context, sessions []fsm.Session) (left []remnant, err error) {
	seen := map[uint32]bool{}
	for _, s := range sessions {
		r, err := g.remainsOf(ctx, s)
		if err != nil {
			return nil, err
		}
		if r.text == "" && !seen[s.UID] {
			seen[s.UID] = true
			if r, err = g.remainsInManager(ctx, s); err != nil {
				return nil, err
			}
		}
		if r.text != "" {
			left = append(left, r)
		}
	}
	return left, nil
}

// remainsOf looks at the session and its scope: logind may forget a session
// whose processes live on.
func (g gui) remainsOf(ctx context.Context, s fsm.Session) (remnant, error) {
	r := remnant{session: s}
	state, err := g.Logind.SessionState(ctx, s.ID)
	if err != nil {
		return r, fmt.Errorf("cannot look at session %s: %w", s.ID, err)
	}
	if state != "gone" {
		r.alive = true
		r.text = fmt.Sprintf("session %s of %s is %s", s.ID, s.User, state)
		return r, nil
	}
	if s.Scope == "" {
		return r, nil
	}
	running, err := g.running(ctx, s.Scope)
	if err != nil {
		return r, err
	}
	if running {
		r.scope = true
		r.text = fmt.Sprintf("programs of %s still run in %s", s.User, s.Scope)
	}
	return r, nil
}

func (g gui) running(ctx context.Context, unit string) (bool, error) {
	s, err := g.jobs.glance(ctx, unit)
	if err != nil || !s.exists() || s.down() {
		return false, err
	}
	s, err = g.Hands.Units.State(ctx, unit) // which counts processes
	switch {
	case errors.Is(err, ErrNoUnit):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("cannot look at %s: %w", unit, err)
	}
	return s.exists() && !s.down() && s.Processes != 0, nil
}

// remainsInManager looks at the user's manager, where desktops keep their
// programs. It stays with a second session or with linger; then the desktop in
// it must be down, as far as an agent can tell, and no GPU may be held.
func (g gui) remainsInManager(ctx context.Context, s fsm.Session) (remnant, error) {
	r := remnant{session: s}
	running, err := g.running(ctx, fmt.Sprintf("user@%d.service", s.UID))
	if err != nil || !running {
		return r, err
	}
	up, err := g.desktopUp(ctx, s.UID)
	if err != nil {
		r.text = err.Error()
		return r, nil
	}
	if up {
		r.desktop = true
		r.text = "the desktop of " + s.User + " still runs in the user's manager"
		return r, nil
	}
	holders, err := g.heldBy(ctx, s.UID)
	switch {
	case err != nil:
		r.text, r.blind = err.Error(), err
	case len(holders) > 0:
		r.text = "a GPU is still held by " + who(holders)
	}
	return r, nil
}

// desktopUp asks the user's agent, if there is one.
func (g gui) desktopUp(ctx context.Context, uid uint32) (bool, error) {
	if !slices.Contains(g.Agents.Registered(), uid) {
		return false, nil
	}
	raw, err := g.Agents.Capture(ctx, uid, "session")
	if err != nil {
		return false, fmt.Errorf("the agent of uid %d does not answer: %w", uid, err)
	}
	var have struct {
		Graphical string `json:"graphical"`
	}
	if err := json.Unmarshal([]byte(raw), &have); err != nil {
		return false, fmt.Errorf("cannot read the answer of the agent of uid %d: %w", uid, err)
	}
	return have.Graphical == "active", nil
}

func (g gui) heldBy(ctx context.Context, uid uint32) ([]DeviceHolder, error) {
	devices, err := g.Devices.Devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot see who holds the GPUs: %w", err)
	}
	var holders []DeviceHolder
	for _, d := range devices {
		for _, h := range d.Holders {
			if h.UID == uid && !d.Suspended {
				holders = append(holders, h)
			}
		}
	}
	return holders, nil
}

func texts(left []remnant) string {
	var lines []string
	for _, r := range left {
		lines = append(lines, r.text)
	}
	return strings.Join(lines, "; ")
}
