package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// plasma is the applet in a window of its own, on an X server without a screen.
type plasma struct {
	window *program
	screen *reader
	// last is the last whole look at the screen.
	last []thing
}

// The applet, and what plasmawindowed says of it.
const (
	applet    = "org.modectl.moded"
	display   = ":9"
	plasmaLog = "plasmawindowed.log"
	rules     = "/etc/polkit-1/rules.d/10-desktop-test.rules"
)

// patience is how long something may take to show. It is no measure.
const patience = time.Minute

func (*plasma) name() string { return "plasma" }

func (*plasma) packages() []string {
	return []string{
		"plasma-workspace", "plasma-desktop", "plasma-sdk", "breeze-icon-theme", "qt6-svg-plugins", "libxcb-cursor0", "xvfb", "xdotool", "imagemagick", "at-spi2-core",
	}
}

// install has nothing to do: `make install` lays the applet out.
func (*plasma) install(*world) error { return nil }

func (p *plasma) start(ctx context.Context, w *world) error {
	server, err := start(exec.Command("Xvfb", display, "-screen", "0", "1280x800x24", "-nolisten", "tcp"), "xvfb.log")
	if err != nil {
		return err
	}
	if err := until(ctx, "the X server", func() error {
		_, err := os.Stat("/tmp/.X11-unix/X9")
		return errors.Join(err, server.alive())
	}); err != nil {
		return err
	}
	if p.screen, err = newReader(ctx, w.session, "plasmawindowed"); err != nil {
		return err
	}
	return p.open(ctx, w)
}

// open shows the applet, and makes room for all that it may show.
func (p *plasma) open(ctx context.Context, w *world) error {
	var err error
	if p.window, err = start(p.as(w, "plasmawindowed", applet), plasmaLog); err != nil {
		return err
	}
	if err := until(ctx, "the applet", func() error {
		_, err := p.screen.shown(ctx)
		return errors.Join(err, p.window.alive())
	}); err != nil {
		return err
	}
	return until(ctx, "the applet's window", func() error {
		return p.as(w, "xdotool", "search", "--name", "Machine Mode", "windowsize", "400", "560").Run()
	})
}

// as makes a command of dev's, in the desktop.
func (*plasma) as(w *world, program string, args ...string) *exec.Cmd {
	cmd := w.as(program, args...)
	cmd.Env = append(cmd.Env,
		"DISPLAY="+display, "QT_QPA_PLATFORM=xcb", "QT_QUICK_BACKEND=software", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON=1",
		"XDG_CURRENT_DESKTOP=KDE", "KDE_FULL_SESSION=true", "KDE_SESSION_VERSION=6",
		"QT_LOGGING_RULES="+applet+".debug=true",
	)
	return cmd
}

// look is all that the applet shows. Where the time is over in the middle of it,
// the error has the look before.
func (p *plasma) look(ctx context.Context) ([]thing, error) {
	all, err := p.screen.shown(ctx)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("there is only\n%s", list(p.last))
	}
	p.last = all
	return all, err
}

// sees waits until the applet says all of these texts.
func (p *plasma) sees(ctx context.Context, texts ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, text := range texts {
		if err := until(ctx, strconv.Quote(text), func() error {
			all, err := p.look(ctx)
			if err == nil && !reads(all, text) {
				err = fmt.Errorf("it does not show; there is\n%s", list(all))
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// loses waits until the applet no longer says the text.
func (p *plasma) loses(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return until(ctx, "the end of "+strconv.Quote(text), func() error {
		all, err := p.look(ctx)
		if err == nil && reads(all, text) {
			err = fmt.Errorf("it still shows:\n%s", list(all))
		}
		return err
	})
}

// spot waits for a thing that can be used, or that cannot.
func (p *plasma) spot(ctx context.Context, role, name string, usable bool) (thing, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var t thing
	err := until(ctx, fmt.Sprintf("the %s %q", role, name), func() error {
		all, err := p.look(ctx)
		if err != nil {
			return err
		}
		if t, err = find(all, role, name); err == nil && t.is(stateSensitive) != usable {
			err = fmt.Errorf("that it can be used is %t:\n%s", !usable, list(all))
		}
		return err
	})
	return t, err
}

// click clicks on a thing, with the mouse.
func (p *plasma) click(ctx context.Context, w *world, role, name string) error {
	t, err := p.spot(ctx, role, name, true)
	if err != nil {
		return err
	}
	x, y, err := p.screen.middle(ctx, t)
	if err != nil {
		return err
	}
	out, err := p.as(w, "xdotool", "mousemove", strconv.Itoa(int(x)), strconv.Itoa(int(y)), "click", "1").CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot click: %w: %s", err, out)
	}
	return nil
}

// shot takes a picture of the window.
func (p *plasma) shot(w *world, name string) error {
	path, err := picture("plasma-" + name)
	if err != nil {
		return err
	}
	out, err := p.as(w, "import", "-window", "root", "-crop", "400x560+0+0", "+repage", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot take a picture: %w: %s", err, out)
	}
	return nil
}
