package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// panel is the extension's part of the panel, as a check sees it.
type panel struct {
	*trial
	ctx context.Context
}

// row is one of the menu: its title, what else is written on it, how it stands.
type row struct {
	Title     string
	Lines     []string
	Sensitive bool
	Checked   bool
	On        bool
}

// panelCheck runs a check on a panel that has found the daemon and has nothing
// open.
func panelCheck(run func(p *panel) error) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		p := &panel{t, ctx}
		if err := until(ctx, "the extension", func() error {
			if shown, err := get[bool](p, "shown()"); err != nil || !shown {
				return errors.Join(err, errors.New("it is not in the panel"))
			}
			return p.isSubtitle("Desktop")
		}); err != nil {
			return err
		}
		if err := p.do("close"); err != nil {
			return err
		}
		return run(p)
	}
}

// get asks the driver.
func get[T any](p *panel, call string) (T, error) { return eval[T](p.ctx, p.world, "drive."+call) }

// do tells the driver.
func (p *panel) do(member string, args ...any) error {
	words := make([]string, len(args))
	for i, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			return err
		}
		words[i] = string(text)
	}
	_, err := eval[any](p.ctx, p.world, "drive."+member+"("+strings.Join(words, ", ")+")")
	return err
}

// isSubtitle is an error unless the toggle says that.
func (p *panel) isSubtitle(want string) error {
	got, err := get[string](p, "subtitle()")
	if err == nil && got != want {
		err = fmt.Errorf("the toggle says %q, want %q", got, want)
	}
	return err
}

func (p *panel) awaitSubtitle(want string) error {
	return until(p.ctx, "the toggle", func() error { return p.isSubtitle(want) })
}

// open opens the menu.
func (p *panel) open() error { return p.do("open") }

// row finds a row of the menu by its title.
func (p *panel) row(title string) (row, error) {
	rows, err := get[[]row](p, "rows()")
	if err != nil {
		return row{}, err
	}
	i := slices.IndexFunc(rows, func(r row) bool { return r.Title == title })
	if i < 0 {
		return row{}, fmt.Errorf("the menu has no row %q: %+v", title, rows)
	}
	return rows[i], nil
}

// awaitRow waits until a row is as it should be.
func (p *panel) awaitRow(title string, so func(r row) error) error {
	return until(p.ctx, "the row "+title, func() error {
		r, err := p.row(title)
		if err == nil {
			err = so(r)
		}
		return err
	})
}

// awaitText waits until a row, whatever its title, has this text.
func (p *panel) awaitText(text string) error {
	return until(p.ctx, fmt.Sprintf("%q in the menu", text), func() error {
		rows, err := get[[]row](p, "rows()")
		if err != nil {
			return err
		}
		for _, r := range rows {
			if strings.Contains(r.Title+"\n"+strings.Join(r.Lines, "\n"), text) {
				return nil
			}
		}
		return fmt.Errorf("the menu has %+v", rows)
	})
}

// choose activates a row, as a click does.
func (p *panel) choose(title string) error {
	return until(p.ctx, "the row "+title, func() error { return p.do("choose", title) })
}

// awaitTold waits for a notification with this text.
func (p *panel) awaitTold(text string) error {
	return until(p.ctx, fmt.Sprintf("a notification with %q", text), func() error {
		told, err := get[[]string](p, "told()")
		if err == nil && !strings.Contains(strings.Join(told, "\n"), text) {
			err = fmt.Errorf("there are %q", told)
		}
		return err
	})
}

// awaitMode waits until the machine has settled in a mode.
func (p *panel) awaitMode(mode string) error {
	return p.awaitBus(mode, func(b manager1.Properties) bool { return b.Mode == mode && b.Transition.ID == 0 })
}

// awaitPhase waits until a transition is in a phase.
func (p *panel) awaitPhase(phase string) error {
	return p.awaitBus(phase, func(b manager1.Properties) bool { return b.Transition.Phase == phase })
}

func (p *panel) awaitBus(what string, so func(manager1.Properties) bool) error {
	return until(p.ctx, what+" on the bus", func() error {
		b, err := p.manager.Properties(p.ctx)
		if err == nil && !so(b) {
			err = fmt.Errorf("mode %s, transition %+v", b.Mode, b.Transition)
		}
		return err
	})
}

// picture takes a picture of the menu, and of nothing else.
func (p *panel) picture(name string) error {
	path, err := picture(name)
	if err != nil {
		return err
	}
	return until(p.ctx, "a picture", func() error {
		area, err := get[[4]int32](p, "area()")
		if err == nil && area[2] <= 0 {
			err = fmt.Errorf("the menu is not laid out: %v", area)
		}
		if err != nil {
			return err
		}
		return p.shoot("ScreenshotArea", path, area[0], area[1], area[2], area[3], false, path)
	})
}

// shoot calls the shell's own service for screenshots.
func (p *panel) shoot(member, path string, args ...any) error {
	var (
		ok   bool
		used string
	)
	call := p.session.Object("org.gnome.Shell.Screenshot", "/org/gnome/Shell/Screenshot").CallWithContext(p.ctx,
		"org.gnome.Shell.Screenshot."+member, 0, args...)
	if err := call.Store(&ok, &used); err != nil {
		return err
	}
	if !ok || used != path {
		return fmt.Errorf("cannot take a picture: %v, %q", ok, used)
	}
	return nil
}

// screenshot takes a picture of the whole screen.
func (p *panel) screenshot(name string) error {
	path, err := picture(name)
	if err != nil {
		return err
	}
	return p.shoot("Screenshot", path, false, false, path)
}
