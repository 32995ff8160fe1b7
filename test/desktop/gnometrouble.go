package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// Rows of the menu that are no modes.
const (
	rowAutomatic = "No Automatic Changes"
	rowKeep      = "Keep This Mode"
)

func holds(p *panel) error {
	if err := errors.Join(p.open(), p.choose(rowKeep), p.awaitHolds("all")); err != nil {
		return err
	}
	if err := p.choose(rowAutomatic); err != nil {
		return err
	}
	if err := p.awaitHolds("all", "automatic"); err != nil {
		return err
	}
	p.kill()
	if err := errors.Join(p.awaitSubtitle("Not running"), p.run(p.ctx, daemon{}), p.awaitSubtitle("Desktop")); err != nil {
		return err
	}
	if err := p.awaitHolds("all", "automatic"); err != nil {
		return fmt.Errorf("after a restart: %w", err)
	}
	if err := errors.Join(p.open(), p.choose(rowAutomatic), p.awaitHolds("all")); err != nil {
		return err
	}
	if err := errors.Join(p.do("disable"), p.awaitHolds(), p.do("enable"), p.awaitSubtitle("Desktop")); err != nil {
		return err
	}
	return p.awaitHolds()
}

// awaitHolds waits until dev holds the mode with these scopes and no others.
func (p *panel) awaitHolds(scopes ...string) error {
	return until(p.ctx, "the holds", func() error {
		list, err := p.manager.ListHolds(p.ctx)
		var got []string
		for _, h := range list {
			if h.Who == "GNOME Shell" && h.User == "dev" {
				got = append(got, h.Scope)
			}
		}
		slices.Sort(got)
		if err == nil && !slices.Equal(got, scopes) {
			err = fmt.Errorf("the bus lists %+v, want %v", list, scopes)
		}
		return err
	})
}

func degraded(p *panel) error {
	if err := p.simulate("unit stop fstrim.timer"); err != nil {
		return err
	}
	if err := p.awaitBus("degraded", func(b manager1.Properties) bool { return len(b.Degraded) > 0 }); err != nil {
		return err
	}
	b, err := p.manager.Properties(p.ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(p.awaitSubtitle("Desktop, degraded"), p.open(), p.awaitText(b.Degraded[0])); err != nil {
		return err
	}
	if shown, err := get[bool](p, "iconShown()"); err != nil || !shown {
		return errors.Join(err, errors.New("the panel shows no icon"))
	}
	return nil
}

func stuck(p *panel) error {
	// The last step fails, and the first cannot be taken back.
	if err := errors.Join(p.simulate("fail unit start moded-studio.target"), p.simulate("fail unit start moded-desktop.target")); err != nil {
		return err
	}
	if err := errors.Join(p.open(), p.choose("Studio"), p.awaitPhase("stuck"), p.awaitSubtitle("Stuck")); err != nil {
		return err
	}
	if err := p.awaitText("Try Again to Undo"); err != nil {
		return err
	}
	return p.awaitText("Stuck between Desktop and Studio.")
}

func denied(p *panel) error {
	if _, err := p.manager.SwitchMode(p.ctx, manager1.SwitchRequest{Mode: "studio", ConfirmWithin: 600}); err != nil {
		return err
	}
	if err := errors.Join(p.awaitPhase("awaiting-confirm"), p.open(), p.choose("Keep Studio")); err != nil {
		return err
	}
	return p.awaitTold("moded says no")
}

func absent(p *panel) error {
	p.kill()
	if err := errors.Join(p.awaitSubtitle("Not running"), p.open(), p.awaitText("moded is not running.")); err != nil {
		return err
	}
	rows, err := get[[]row](p, "rows()")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Sensitive {
			return fmt.Errorf("%q can be chosen", r.Title)
		}
	}
	if err := p.picture("gnome-absent"); err != nil {
		return err
	}
	return errors.Join(p.run(p.ctx, daemon{}), p.awaitSubtitle("Desktop"), p.choose("Studio"), p.awaitMode("studio"), p.awaitSubtitle("Studio"))
}

func unknownMode(p *panel) error {
	const mode = "band-practice"
	config := simulated("[[edges]]\nevent = \"enter_studio\"", "[modes."+mode+"]\nsummary = \"All four of us\"\n\n"+
		"[[edges]]\nevent = \"to_practice\"\nfrom = \"desktop\"\nto = \""+mode+"\"\n\n[[edges]]\nevent = \"enter_studio\"")
	if err := errors.Join(p.fresh(p.ctx, daemon{config: config}), p.awaitSubtitle("Desktop"), p.open()); err != nil {
		return err
	}
	if err := p.awaitRow(mode, func(r row) error {
		if strings.Join(r.Lines, "") != "All four of us" {
			return fmt.Errorf("it reads %+v", r)
		}
		return nil
	}); err != nil {
		return err
	}
	return errors.Join(p.choose(mode), p.awaitMode(mode), p.awaitSubtitle(mode))
}
