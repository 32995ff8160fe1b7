package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

func loads(p *panel) error {
	type loaded struct {
		State int
		Error string
	}
	got, err := get[loaded](p, "state()")
	if err == nil && (got.State != 1 || got.Error != "") {
		err = fmt.Errorf("the shell says %+v", got)
	}
	version, _ := p.session.Object("org.gnome.Shell", "/org/gnome/Shell").GetProperty("org.gnome.Shell.ShellVersion")
	p.note("GNOME Shell %v", version.Value())
	return err
}

func saysWhatTheBusSays(p *panel) error {
	modes, err := p.manager.ListModes(p.ctx)
	if err != nil {
		return err
	}
	if err := p.open(); err != nil {
		return err
	}
	for _, m := range modes {
		if err := p.awaitRow(title(m.Mode), func(r row) error {
			if strings.Join(r.Lines, "\n") != m.Summary || r.Checked != (m.Mode == "desktop") || !r.Sensitive {
				return fmt.Errorf("%+v, and the bus says %+v", r, m)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if lit, err := get[bool](p, "lit()"); err != nil || lit {
		return errors.Join(err, errors.New("the toggle is lit in the usual mode"))
	}
	p.note("%d modes", len(modes))
	return p.picture("gnome-menu")
}

// title is a mode's name as the extension shows it.
func title(mode string) string { return strings.ToUpper(mode[:1]) + mode[1:] }

func greys(p *panel) error {
	if err := p.reach("studio"); err != nil {
		return err
	}
	plan, err := p.manager.Plan(p.ctx, "compute", 0)
	if err != nil {
		return err
	}
	if err := p.open(); err != nil {
		return err
	}
	if lit, err := get[bool](p, "lit()"); err != nil || !lit {
		return errors.Join(err, errors.New("the toggle is not lit in studio"))
	}
	return p.awaitRow("Compute", func(r row) error { return says(r, plan, false) })
}

// says is an error unless a row has the first reason of a plan.
func says(r row, plan manager1.Plan, sensitive bool) error {
	i := slices.IndexFunc(plan.Verdicts, func(v manager1.Verdict) bool { return v.Outcome == "deny" || v.Outcome == "unknown" })
	if i < 0 {
		return fmt.Errorf("nothing denies: %+v", plan)
	}
	want := strings.ToLower(plan.Verdicts[i].Summary)
	if got := strings.ToLower(strings.Join(r.Lines, "\n")); !strings.HasPrefix(got, want) || r.Sensitive != sensitive {
		return fmt.Errorf("%+v, and Plan says %q", r, want)
	}
	return nil
}

// reach lets root go to a mode, and waits until the panel has seen it.
func (p *panel) reach(mode string) error {
	if _, err := p.manager.SwitchMode(p.ctx, manager1.SwitchRequest{Mode: mode}); err != nil {
		return err
	}
	if err := p.awaitMode(mode); err != nil {
		return err
	}
	return p.awaitSubtitle(title(mode))
}

func refuses(p *panel) error {
	if err := p.simulate("take start"); err != nil {
		return err
	}
	plan, err := p.manager.Plan(p.ctx, "compute", 0)
	if err != nil {
		return err
	}
	if err := p.open(); err != nil {
		return err
	}
	if err := p.awaitRow("Compute", func(r row) error { return says(r, plan, true) }); err != nil {
		return err
	}
	if err := p.picture("gnome-refused"); err != nil {
		return err
	}
	if err := p.choose("Compute"); err != nil {
		return err
	}
	if err := p.awaitTold("Cannot switch to Compute"); err != nil {
		return err
	}
	if err := p.awaitTold(plan.Verdicts[0].Remedy[1:]); err != nil {
		return err
	}
	return p.awaitMode("desktop")
}

func switches(p *panel) error {
	// At a pace at which a shell that gets little CPU sees more than one step.
	if err := p.fresh(p.ctx, daemon{speed: 0.25}); err != nil {
		return err
	}
	if err := errors.Join(p.awaitSubtitle("Desktop"), p.do("watch"), p.open(), p.choose("Studio")); err != nil {
		return err
	}
	if err := p.awaitMode("studio"); err != nil {
		return err
	}
	if err := p.awaitSubtitle("Studio"); err != nil {
		return err
	}
	seen, err := get[[]string](p, "subtitles")
	if err != nil {
		return err
	}
	steps := 0
	for _, s := range seen {
		if strings.HasPrefix(s, "Studio: ") && strings.Contains(s, " of ") {
			steps++
		}
	}
	if steps < 2 {
		return fmt.Errorf("on the way the toggle said %q", seen)
	}
	p.note("%d steps seen", steps)
	return nil
}

func asksFirst(p *panel) error {
	if err := errors.Join(p.open(), p.choose("Compute")); err != nil {
		return err
	}
	if err := p.awaitDialog("Switch to Compute?", "session 3 of dev"); err != nil {
		return err
	}
	if err := p.screenshot("gnome-question"); err != nil {
		return err
	}
	if err := p.do("press", "Cancel"); err != nil {
		return err
	}
	b, err := p.manager.Properties(p.ctx)
	if err == nil && (b.Mode != "desktop" || b.LastTransition.To == "compute" || b.Transition.ID != 0) {
		err = fmt.Errorf("after no: %+v", b)
	}
	return err
}

// awaitDialog waits for a question that has these texts.
func (p *panel) awaitDialog(wanted ...string) error {
	type dialog struct{ Texts, Buttons []string }
	return until(p.ctx, "the question", func() error {
		d, err := get[dialog](p, "dialog()")
		for _, text := range wanted {
			if err == nil && !strings.Contains(strings.Join(d.Texts, "\n"), text) {
				err = fmt.Errorf("it reads %q", d)
			}
		}
		return err
	})
}

// begin chooses compute and agrees.
func (p *panel) begin() error {
	if err := errors.Join(p.open(), p.choose("Compute"), p.awaitDialog("Compute")); err != nil {
		return err
	}
	return p.do("press", "Close and Switch")
}

func counts(p *panel) error {
	if err := p.fresh(p.ctx, daemon{config: patient(), speed: 0.1}); err != nil {
		return err
	}
	if err := errors.Join(p.awaitSubtitle("Desktop"), p.begin(), p.awaitPhase("grace"), p.open()); err != nil {
		return err
	}
	if err := p.awaitText("Nothing was touched yet."); err != nil {
		return err
	}
	first, err := get[string](p, "subtitle()")
	if err != nil {
		return err
	}
	if err := until(p.ctx, "the countdown", func() error {
		next, err := get[string](p, "subtitle()")
		if err == nil && (next == first || !strings.HasPrefix(next, "Compute in ")) {
			err = fmt.Errorf("it says %q, as before", next)
		}
		return err
	}); err != nil {
		return err
	}
	if err := errors.Join(p.picture("gnome-countdown"), p.choose("Cancel"), p.awaitMode("desktop"), p.awaitSubtitle("Desktop")); err != nil {
		return err
	}
	if b, err := p.manager.Properties(p.ctx); err != nil || b.LastTransition.Outcome != "cancelled" {
		return errors.Join(err, fmt.Errorf("the history says %+v", b.LastTransition))
	}
	return p.proceeds()
}

// proceeds cuts the countdown short, and sees what the steps do.
func (p *panel) proceeds() error {
	plan, err := p.manager.Plan(p.ctx, "compute", 0)
	if err != nil {
		return err
	}
	if err := errors.Join(p.begin(), p.awaitPhase("grace"), p.open(), p.choose("Switch Now"), p.open()); err != nil {
		return err
	}
	i := slices.IndexFunc(plan.Steps, func(s manager1.Step) bool { return s.Name == "units/ai.service acquire" })
	if i < 0 {
		return fmt.Errorf("no step starts the AI server: %+v", plan.Steps)
	}
	if err := p.awaitText(fmt.Sprintf("Step %d of %d: %s", i+1, len(plan.Steps), plan.Steps[i].Summary)); err != nil {
		return err
	}
	if err := p.picture("gnome-progress"); err != nil {
		return err
	}
	return errors.Join(p.awaitMode("compute"), p.awaitSubtitle("Compute"))
}

// patient is the simulated machine with a grace period that nobody waits out.
func patient() string { return simulated("grace   = \"3s\"", "grace   = \"10m\"") }

func confirms(p *panel) error {
	probation := func() error {
		out, err := p.as("modectl", "switch", "studio", "--confirm", "10m", "--yes", "--no-wait").CombinedOutput()
		if err != nil {
			return fmt.Errorf("modectl: %w: %s", err, out)
		}
		return errors.Join(p.awaitPhase("awaiting-confirm"), p.open(), p.awaitText("Without your word it is undone"))
	}
	if err := errors.Join(probation(), p.choose("Go Back to Desktop"), p.awaitMode("desktop"), p.awaitSubtitle("Desktop")); err != nil {
		return err
	}
	return errors.Join(probation(), p.choose("Keep Studio"), p.awaitMode("studio"), p.awaitSubtitle("Studio"))
}
