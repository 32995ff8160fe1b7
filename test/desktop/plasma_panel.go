package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const panelLog = "plasmoidviewer.log"

// panel shows the applet in Plasma's own panel, small, at the bottom of the
// screen; plasmoidviewer is a desktop with nothing but that.
func (p *plasma) panel(ctx context.Context, t *trial) error {
	viewer, err := start(p.as(t.world, "plasmoidviewer", "--applet", applet, "--containment", "org.kde.panel",
		"--location", "bottomedge", "--formfactor", "horizontal"), panelLog)
	if err != nil {
		return err
	}
	defer viewer.kill()
	q := &plasma{window: viewer, screen: &reader{p.screen.conn, "plasmoidviewer"}}
	h := hands{q, ctx, t}
	return in(func() error { return q.shrink(ctx, t.world) }, h.simulate("take start"), h.button("Desktop"),
		h.sees("Keep this mode", "REAPER is recording. And one more reason."), func() error { return q.popup(t.world) },
		h.simulate("take stop"), h.button("Studio"), h.reaches("studio"), h.sees("Strict low-latency audio"), q.content)
}

// shrink makes the panel as high as a panel is, which leaves room for an icon.
func (p *plasma) shrink(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return until(ctx, "an icon in the panel", func() error {
		err := p.as(w, "xdotool", "search", "--class", "plasmoidviewer", "windowsize", "%@", "600", "40", "windowmove", "%@", "0", "700").Run()
		if err != nil {
			return errors.Join(err, p.window.alive())
		}
		all, err := p.look(ctx)
		if err != nil {
			return err
		}
		icon, err := find(all, "button", "Desktop")
		if err == nil && (!strings.Contains(icon.about, "Interactive workstation") || reads(all, "Keep this mode")) {
			err = fmt.Errorf("it shows\n%s", list(all))
		}
		return err
	})
}

// popup takes a picture of what opened above the icon.
func (p *plasma) popup(w *world) error {
	path, err := picture("plasma-popup")
	if err != nil {
		return err
	}
	out, err := p.as(w, "import", "-window", "root", "-crop", "408x480+0+220", "+repage", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot take a picture: %w: %s", err, out)
	}
	return nil
}

// content is an error when the panel complained about the applet.
func (*plasma) content() error {
	text, err := os.ReadFile(filepath.Join(out, panelLog))
	if lines := complaints(string(text)); len(lines) > 0 {
		err = errors.Join(err, errors.New(strings.Join(lines, "\n")))
	}
	return err
}
