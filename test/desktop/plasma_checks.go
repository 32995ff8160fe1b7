package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/simulate"
)

func (p *plasma) checks() []check {
	all := []check{
		{"the mode shows, and the modes to choose from", p.shows},
		{"a click on a mode goes there, step by step", p.goes},
		{"a mode that is no way from here is grey, and says the way", p.grey},
		{"a switch that ends a session asks first, and names it", p.asks},
		{"Cancel ends the countdown, and nothing was touched", p.cancels},
		{"Switch Now ends the countdown, and the machine gets there", p.proceeds},
		{"what is in the way shows with what to do", p.refuses},
		{"a mode that nobody here has heard of shows, and the daemon's own words when it refuses", p.unknown},
		{"a mode that waits for its confirmation is kept", p.keeps},
		{"a mode that waits for its confirmation is left again", p.reverts},
		{"a hold is the person's own, and outlives the daemon", p.holds},
		{"what is degraded says why", p.degraded},
		{"what was undone says why, and what is closed for good", p.undone},
		{"what is stuck says so, and how to go on", p.stuck},
		{"what needs a password is asked for by modectl", p.password},
		{"the daemon's end shows, and its return", p.returns},
		{"in a panel there is an icon, and a popup that asks when it opens", p.panel},
		{"hundreds of answers leave nothing behind", p.leaves},
		{"answers are handled quickly", p.quick},
		{"Plasma's log has no complaint about the applet", p.silent},
	}
	for i, c := range all {
		all[i].run = func(ctx context.Context, t *trial) error {
			if err := p.ready(ctx); err != nil {
				return err
			}
			return c.run(ctx, t)
		}
	}
	return all
}

// ready waits until the applet shows the machine that is there now.
func (p *plasma) ready(ctx context.Context) error {
	if _, err := p.spot(ctx, "heading", "Desktop", true); err != nil {
		return err
	}
	_, err := p.spot(ctx, "radio button", "Compute", true)
	return err
}

func (p *plasma) shows(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.sees("Desktop", "Interactive workstation", "Strict low-latency audio", "Headless throughput", "Keep this mode"), h.shot("desktop"))
}

func (p *plasma) goes(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.mode("Studio"), h.sees("Desktop → Studio", "Step "), h.reaches("studio"), h.loses("→"), h.sees("Strict low-latency audio"), h.outcome("settled"))
}

func (p *plasma) grey(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.mode("Studio"), h.reaches("studio"), h.sees("Studio to compute is not an edge: go through desktop."), func() error {
		_, err := p.spot(ctx, "radio button", "Compute", false)
		return err
	}, h.shot("studio"))
}

func (p *plasma) asks(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	before, err := t.manager.ListHistory(ctx, 0)
	if err != nil {
		return err
	}
	return in(h.mode("Compute"), h.sees("Switch to Compute?", "session 3 of dev on seat0 (wayland)", "what closes cannot be brought back"),
		h.shot("question"), h.button("Cancel"), h.loses("Switch to Compute?"), func() error {
			after, err := t.manager.ListHistory(ctx, 0)
			if err == nil && len(after) != len(before) {
				err = errors.New("something was asked of the daemon all the same")
			}
			return err
		})
}

func (p *plasma) cancels(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.mode("Compute"), h.button("Close and Switch"), h.sees("Nothing was touched yet"), h.button("Cancel"),
		h.sees("Compute was cancelled"), h.reaches("desktop"), h.outcome("cancelled"))
}

func (p *plasma) proceeds(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.mode("Compute"), h.button("Close and Switch"), h.button("Switch Now"),
		h.sees("Undo (Closed Programs Stay Closed)", "of 9: start ai.service"), h.shot("running"), h.reaches("compute"), h.loses("→"), h.sees("Headless throughput"))
}

func (p *plasma) refuses(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.simulate("take start"), h.mode("Compute"), h.sees("Cannot switch to Compute", "REAPER is recording. Stop playback and recording, or close REAPER."),
		h.shot("refused"), h.button("Dismiss"), h.loses("Cannot switch to Compute"), h.reaches("desktop"))
}

// night is a mode of an admin's own, behind a guard.
const night = `
[modes.night-render]
summary = "Renders until the morning"
k3s     = { state = "minimal", essential = true }

[[edges]]
event  = "enter_night"
from   = "desktop"
to     = "night-render"
guards = ["audio-idle"]

[[edges]]
event = "exit_night"
from  = "night-render"
to    = "desktop"
`

func (p *plasma) unknown(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	if err := t.fresh(ctx, daemon{config: string(simulate.Config()) + night}); err != nil {
		return err
	}
	return in(h.sees("Renders until the morning"), h.simulate("take start"), h.mode("night-render"),
		h.sees("Cannot switch to night-render\nrefused; the history keeps it as", "audio-idle: REAPER is recording"), h.outcome("refused"),
		h.simulate("take stop"), h.button("Dismiss"), h.mode("night-render"), h.reaches("night-render"), h.loses("→"), h.sees("Renders until the morning"))
}

// trySwitch asks for a mode that is to be confirmed, as the person would.
func trySwitch(t *trial, mode string) func() error {
	return func() error {
		out, err := t.as("modectl", "switch", "--yes", "--no-wait", "--confirm=5m", mode).CombinedOutput()
		if err != nil {
			return fmt.Errorf("cannot switch: %w: %s", err, out)
		}
		return nil
	}
}

func (p *plasma) keeps(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(trySwitch(t, "studio"), h.sees("Studio is reached. Without your word it is undone in"), h.shot("confirm"), h.button("Keep Studio"), h.reaches("studio"))
}

func (p *plasma) reverts(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(trySwitch(t, "studio"), h.button("Go Back to Desktop"), h.reaches("desktop"), h.outcome("rolled-back"), h.sees("Studio was undone"))
}

// held waits until exactly these scopes are held, by dev.
func held(ctx context.Context, t *trial, scopes ...string) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return until(ctx, fmt.Sprintf("holds of scope %v", scopes), func() error {
			holds, err := t.manager.ListHolds(ctx)
			var have []string
			for _, h := range holds {
				if h.User == "dev" && h.Who == "Plasma" {
					have = append(have, h.Scope)
				}
			}
			slices.Sort(have)
			if err == nil && (len(holds) != len(have) || !slices.Equal(have, scopes)) {
				err = fmt.Errorf("there are %v", holds)
			}
			return err
		})
	}
}

func (p *plasma) holds(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	restart := func() error {
		t.kill()
		return in(h.sees("moded is not running"), func() error { return t.run(ctx, daemon{}) })
	}
	return in(h.box("No automatic changes"), held(ctx, t, "automatic"), h.box("Keep this mode"), held(ctx, t, "all", "automatic"),
		h.sees("Dev holds the mode."), h.shot("held"), restart, held(ctx, t, "all", "automatic"),
		h.box("Keep this mode"), held(ctx, t, "automatic"), h.box("No automatic changes"), held(ctx, t))
}

func (p *plasma) degraded(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.sees("Interactive workstation"), h.simulate("unit stop fstrim.timer"), h.sees("Degraded", "fstrim.timer"), h.shot("degraded"))
}

func (p *plasma) undone(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.simulate("fail unit start ai.service"), h.mode("Compute"), h.button("Close and Switch"), h.button("Switch Now"),
		h.sees("Compute was undone", "cannot start ai.service", "programs of dev (session 3) were closed and cannot be restored"), h.shot("undone"),
		h.outcome("rolled-back"), h.reaches("desktop"))
}

// stuck ends with Recover, which is an administrator's: dev may not.
func (p *plasma) stuck(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	return in(h.simulate("fail unit start moded-studio.target", "fail unit start moded-desktop.target"), h.mode("Studio"),
		h.sees("Stuck between Desktop and Studio", "moded-desktop.target", "modectl recover --help"), h.shot("stuck"),
		h.button("Try Again to Undo"), h.sees("not authorised"), h.simulate("heal"),
		func() error { return t.manager.Recover(ctx, manager1.RecoverUndo) }, h.reaches("desktop"), h.loses("Stuck"))
}

// password takes dev's rights away, so that polkit wants an administrator's
// password, and nobody is there to ask for it.
func (p *plasma) password(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	if err := os.Remove(rules); err != nil {
		return err
	}
	look := func() error { return t.fresh(ctx, daemon{}) } // the applet asks anew
	err := in(look, h.sees("Asks for a password."), h.mode("Studio"), h.sees("Cannot switch to Studio", "not authorised"), h.reaches("desktop"))
	return errors.Join(err, put(rules, atTheMachine))
}

func (p *plasma) returns(ctx context.Context, t *trial) error {
	h := hands{p, ctx, t}
	t.kill()
	return in(h.sees("moded is not running", "systemctl start moded"), h.shot("absent"), func() error { return t.run(ctx, daemon{}) },
		h.loses("moded is not running"), h.sees("Interactive workstation"))
}
