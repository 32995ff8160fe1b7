package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// act is a part of the story.
type act struct {
	caption string
	play    func(ctx context.Context, t *teller) error
	// drawn acts are in the picture.
	drawn bool
}

// story is the whole of it, in order.
var story = []act{
	{"A workstation, fresh from boot. moded finds it as it is and goes to the default mode by itself.", beginning, false},
	{"dev has an idea for a song. What would studio mode change? A plan touches nothing.", says(0, []string{"system.slice", "moded-studio.target", "fstrim.timer"}, "plan", "studio"), false},
	{"Do it: background work steps back, PipeWire gets a small quantum.", says(0, []string{"in studio mode"}, "switch", "studio"), false},
	{"From the studio straight to headless compute? No edge leads there.", says(3, []string{"desktop"}, "switch", "compute"), false},
	{"So back to the desktop first.", says(0, []string{"in desktop mode"}, "switch", "desktop"), false},
	{"Meanwhile REAPER records a take. Compute would end the session: refused, with reasons.", take, true},
	{"The take is over. Now the GPUs may go to work; everything that ends is said first.", compute, true},
	{"Back to the desktop - but the display manager hangs, and then moded itself is killed half way.", crash, true},
	{"Nothing is half done: the machine is where it was, and the history knows why.", ending, false},
}

// tell tells the story.
func tell(ctx context.Context, t *teller) error {
	for i, a := range story {
		t.draw(a.drawn)
		t.caption(a.caption)
		if err := a.play(ctx, t); err != nil {
			return fmt.Errorf("part %d (%s) is not true: %w", i+1, a.caption, err)
		}
		if err := t.pause(ctx, 1200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// says is an act of one command.
func says(code int, wants []string, args ...string) func(context.Context, *teller) error {
	return func(ctx context.Context, t *teller) error {
		return t.modectl(ctx, command{args: args, code: code, wants: wants})
	}
}

func beginning(ctx context.Context, t *teller) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	if err := t.await(ctx, func(e manager1.Event) bool {
		return e.Properties != nil && e.Properties.Mode == "desktop" && e.Properties.Transition.ID == 0
	}); err != nil {
		return fmt.Errorf("the machine did not reach desktop: %w", err)
	}
	return t.modectl(ctx, command{args: []string{"status"}, wants: []string{"desktop"}})
}

func take(ctx context.Context, t *teller) error {
	if err := t.simulate(ctx, "take", "start"); err != nil {
		return err
	}
	return t.modectl(ctx, command{args: []string{"switch", "compute", "--yes"}, code: 3, wants: []string{"audio-idle", "REAPER", "stays in desktop mode"}})
}

func compute(ctx context.Context, t *teller) error {
	if err := t.simulate(ctx, "take", "stop"); err != nil {
		return err
	}
	return t.modectl(ctx, command{
		args: []string{"switch", "compute"}, answer: "y",
		wants: []string{"session 3 of dev", "units/ai.service acquire: done", "in compute mode"},
	})
}

// crash kills the daemon while the display manager starts, and starts it again.
func crash(ctx context.Context, t *teller) error {
	if err := t.simulate(ctx, "hang", "once", "unit start gdm.service"); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	events, err := t.watch(watching)
	if err != nil {
		return err
	}
	told := make(chan error, 1)
	go func() {
		told <- t.modectl(ctx, command{
			args: []string{"switch", "desktop"}, code: 1,
			wants: []string{"moded has left the bus", "moded is back", "rolled back", "back in compute mode"},
		})
	}()
	if err := t.killAt(ctx, events, "gui acquire"); err != nil {
		return errors.Join(err, <-told)
	}
	if err := t.pause(ctx, 800*time.Millisecond); err != nil {
		return err
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	return <-told
}

func ending(ctx context.Context, t *teller) error {
	if err := t.modectl(ctx, command{args: []string{"status"}, wants: []string{"compute"}}); err != nil {
		return err
	}
	if err := t.modectl(ctx, command{args: []string{"history"}, wants: []string{"rolled-back", "refused", "settled"}}); err != nil {
		return err
	}
	return t.daemon.Stop(ctx)
}
