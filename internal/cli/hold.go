package cli

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

// holdOptions are the flags of hold.
type holdOptions struct {
	scope, reason, until string
	all                  bool
}

func (a *app) holdCommand() *cobra.Command {
	var o holdOptions
	cmd := &cobra.Command{
		Use: "hold [--] COMMAND [ARGUMENT...]", Short: "Keep the mode from changing while a command runs",
		Long: `Runs a command and keeps the mode from changing until it ends. With scope
automatic, which is the default, people may still change it, but where a guard
of kind user-jobs is on their way: to that a hold is a job, which --force
overrides. With scope all nobody changes it but root with --force. Signals are
passed on to the command, and the exit code is the command's, 128 and the
signal's number where one ended it.

Without a command, holds the mode until a time: --until 2h, or --until 06:00.

When moded is started anew, the hold is taken again.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.hold(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.StringVar(&o.scope, "scope", manager1.HoldAutomatic, "`SCOPE`: automatic or all")
	f.BoolVar(&o.all, "all", false, "short for --scope=all")
	f.StringVar(&o.reason, "reason", "", "the `REASON`; everybody can read it")
	f.StringVar(&o.until, "until", "", "hold for a `TIME` or until one, without a command: 90m, 06:00")
	f.StringVar(&o.reason, "why", "", "what the bus calls the reason")
	_ = f.MarkHidden("why") // it is there
	return cmd
}

func (a *app) hold(ctx context.Context, o holdOptions, args []string) error {
	if o.all {
		o.scope = manager1.HoldAll
	}
	switch {
	case o.scope != manager1.HoldAutomatic && o.scope != manager1.HoldAll:
		return exitf(exitUsage, "the scope is automatic or all")
	case (o.until == "") == (len(args) == 0):
		return exitf(exitUsage, "say a command to run, or --until TIME to wait")
	case o.until != "":
		return a.holdUntil(ctx, o)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return notStarted(args[0], err)
	}
	who := manager1.Clean(filepath.Base(args[0]), manager1.MaxText)
	k, err := a.keep(ctx, o.scope, cmp.Or(who, "modectl"), cmp.Or(o.reason, "runs under modectl hold"))
	if err != nil {
		return err
	}
	defer k.end()
	return a.runChild(ctx, path, args)
}

// holdUntil holds the mode and waits.
func (a *app) holdUntil(ctx context.Context, o holdOptions) error {
	now := a.Now()
	end, err := parseUntil(o.until, now)
	if err != nil {
		return err
	}
	k, err := a.keep(ctx, o.scope, "modectl", cmp.Or(o.reason, "until "+end.Format("15:04")))
	if err != nil {
		return err
	}
	defer k.end()
	a.ui.printf("holding the mode until %s; Ctrl-C ends it", a.when(end))
	return sleepUntil(ctx, time.Now().Add(end.Sub(now)))
}

// keeper keeps one hold for as long as modectl lives, over restarts of the
// daemon.
type keeper struct {
	app             *app
	scope, who, why string
	stop            context.CancelFunc
	done            chan struct{}

	mu     sync.Mutex
	cookie uint32 // 0 while there is none
}

// keep takes the hold and goes on keeping it until end is called.
func (a *app) keep(ctx context.Context, scope, who, why string) (*keeper, error) {
	k := &keeper{app: a, scope: scope, who: who, why: why, done: make(chan struct{})}
	a.stays = true // the command runs here
	if err := a.authorised(ctx, func(c *manager1.Client) error { return k.take(ctx, c) }); err != nil {
		return nil, err
	}
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	events, err := a.conn.Watch(ctx)
	if err != nil {
		k.stop()
		return nil, err
	}
	go k.follow(ctx, events)
	return k, nil
}

func (k *keeper) take(ctx context.Context, c *manager1.Client) error {
	cookie, err := c.Hold(ctx, k.scope, k.who, k.why)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cookie = cookie
	return err
}

func (k *keeper) held() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cookie != 0
}

// follow takes the hold again when there is a new daemon. It does not ask for a
// password then: the terminal is the command's.
func (k *keeper) follow(ctx context.Context, events <-chan manager1.Event) {
	defer close(k.done)
	for e := range events {
		switch {
		case e.Kind == manager1.EventVanished:
			k.mu.Lock()
			k.cookie = 0
			k.mu.Unlock()
			k.say("moded went away, and the hold with it; it is taken again when moded is back")
		case e.Kind == manager1.EventAppeared && !k.held():
			if err := k.take(ctx, k.app.conn.Quiet()); err != nil {
				k.say("moded is back, but the mode is not held: " + manager1.CleanLines(err.Error()))
				continue
			}
			k.say("moded is back; the mode is held again")
		}
	}
	if ctx.Err() == nil {
		k.say("the bus is lost; the mode is not held any more")
	}
}

func (k *keeper) say(text string) { fmt.Fprintf(k.app.Stderr, "modectl: %s\n", text) }

// end gives the hold back, so that whatever comes after modectl finds it gone.
// Should modectl be killed, the daemon lets go when the connection ends.
func (k *keeper) end() {
	k.stop()
	<-k.done
	if k.held() {
		_ = k.app.conn.Release(context.Background(), k.cookie) // the daemon may be gone
	}
}
