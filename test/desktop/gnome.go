package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// gnome is GNOME Shell, headless, with the extension enabled.
type gnome struct{}

func (*gnome) name() string { return "gnome" }

func (*gnome) packages() []string {
	return []string{"gnome-shell", "gjs", "adwaita-icon-theme", "fonts-cantarell", "dbus-x11"}
}

// install has nothing to do: `make install` lays the extension out.
func (*gnome) install(*world) error { return nil }

func (g *gnome) start(ctx context.Context, w *world) error {
	shell, err := start(w.as("gnome-shell", "--headless", "--unsafe-mode", "--virtual-monitor", "1280x720"), "gnome-shell.log")
	if err != nil {
		return err
	}
	return until(ctx, "GNOME Shell", func() error {
		busy, err := eval[bool](ctx, w, "Main.layoutManager._startingUp")
		if err == nil && busy {
			err = errors.New("it is starting up")
		}
		return errors.Join(err, shell.alive())
	})
}

func (g *gnome) checks() []check {
	return []check{
		{"the shell is up, and draws", g.up},
		{"what the simulated machine does shows on the bus", g.simulated},
	}
}

func (*gnome) up(ctx context.Context, t *trial) error {
	version, err := t.session.Object("org.gnome.Shell", "/org/gnome/Shell").GetProperty("org.gnome.Shell.ShellVersion")
	t.note("GNOME Shell %v", version.Value())
	return errors.Join(err, screenshot(ctx, t.world, "gnome-up"))
}

func (*gnome) simulated(ctx context.Context, t *trial) error {
	if err := t.simulate("take start"); err != nil {
		return err
	}
	plan, err := t.manager.Plan(ctx, "compute", 0)
	if err == nil && plan.Allowed {
		err = errors.New("compute is allowed while REAPER records")
	}
	return err
}

// screenshot takes a picture of the whole screen.
func screenshot(ctx context.Context, w *world, name string) error {
	path, err := picture(name)
	if err != nil {
		return err
	}
	var (
		ok   bool
		used string
	)
	call := w.session.Object("org.gnome.Shell.Screenshot", "/org/gnome/Shell/Screenshot").
		CallWithContext(ctx, "org.gnome.Shell.Screenshot.Screenshot", 0, false, false, path)
	if err := call.Store(&ok, &used); err != nil {
		return err
	}
	if !ok || used != path {
		return fmt.Errorf("cannot take a picture: %v, %q", ok, used)
	}
	return nil
}

// eval runs a line of JavaScript in the shell and decodes what it gives.
func eval[T any](ctx context.Context, w *world, script string) (T, error) {
	var (
		value T
		ok    bool
		text  string
	)
	call := w.session.Object("org.gnome.Shell", "/org/gnome/Shell").CallWithContext(ctx, "org.gnome.Shell.Eval", 0, script)
	if err := call.Store(&ok, &text); err != nil {
		return value, err
	}
	if !ok {
		return value, fmt.Errorf("the shell says of %q: %s", script, text)
	}
	if text == "" { // undefined
		return value, nil
	}
	return value, json.Unmarshal([]byte(text), &value)
}
