package main

import (
	"context"
	_ "embed" // for the driver
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
)

// extension is its UUID.
const extension = "modectl@modectl.org"

// driver is what the checks ask of the shell, from inside it.
//
//go:embed gnome.js
var driver string

// gnome is GNOME Shell, headless, with the extension enabled.
type gnome struct{}

func (*gnome) name() string { return "gnome" }

func (*gnome) packages() []string {
	return []string{"gnome-shell", "gjs", "adwaita-icon-theme", "fonts-cantarell", "dbus-x11"}
}

// install has nothing to do: `make install` lays the extension out.
func (*gnome) install(*world) error { return nil }

// start starts the shell without the extension, and enables it when its
// callbacks can be measured.
func (g *gnome) start(ctx context.Context, w *world) error {
	shell, err := start(w.as("gnome-shell", "--headless", "--unsafe-mode", "--virtual-monitor", "1280x800"), "gnome-shell.log")
	if err != nil {
		return err
	}
	if err := until(ctx, "GNOME Shell", func() error {
		busy, err := eval[bool](ctx, w, "Main.layoutManager._startingUp")
		if err == nil && busy {
			err = errors.New("it is starting up")
		}
		return errors.Join(err, shell.alive())
	}); err != nil {
		return err
	}
	if _, err := eval[any](ctx, w, driver); err != nil {
		return err
	}
	_, err = eval[any](ctx, w, fmt.Sprintf("Main.extensionManager.enableExtension(%q)", extension))
	return err
}

func (g *gnome) checks() []check {
	return []check{
		{"the extension loads without an error", panelCheck(loads)},
		{"words are right in plain gjs", words},
		{"the menu says what the bus says", panelCheck(saysWhatTheBusSays)},
		{"a mode without a way is greyed, with the reason", panelCheck(greys)},
		{"a guard's reason is there when the menu opens", panelCheck(refuses)},
		{"a mode that is chosen is reached, and how far it is shows live", panelCheck(switches)},
		{"whoever would lose programs is asked, and may say no", panelCheck(asksFirst)},
		{"a countdown can be cancelled, and cut short", panelCheck(counts)},
		{"a mode on probation is kept, or given back", panelCheck(confirms)},
		{"holds are taken, seen on the bus, and given back", panelCheck(holds)},
		{"a degraded machine says what is wrong", panelCheck(degraded)},
		{"a stuck machine says so, and offers to undo again", panelCheck(stuck)},
		{"what polkit denies is told", panelCheck(denied)},
		{"an absent daemon is said, and a new one is found", panelCheck(absent)},
		{"a mode that nobody knows shows as it is called", panelCheck(unknownMode)},
		{"nothing is left after 100 times off and on", panelCheck(cycles)},
		{"no callback keeps the shell waiting", panelCheck(costs)},
		{"no call on the bus waits, and the log has nothing of ours", panelCheck(quiet)},
	}
}

// words runs the tests of the pure functions, with neither shell nor bus.
func words(_ context.Context, t *trial) error {
	out, err := t.as("gjs", "-m", filepath.Join(sources, "desktop/gnome/words.test.js")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	t.note("%s", string(out[:max(len(out)-1, 0)]))
	return nil
}

// eval runs JavaScript in the shell and decodes what it gives.
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
		return value, fmt.Errorf("the shell says of %.60q: %s", script, text)
	}
	if text == "" { // undefined
		return value, nil
	}
	return value, json.Unmarshal([]byte(text), &value)
}
