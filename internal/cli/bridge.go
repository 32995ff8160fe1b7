package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

// bridgeProgram is what speaks with the bus at the other end, as for systemctl
// -H: it comes with systemd.
const bridgeProgram = "systemd-stdio-bridge"

// quietly runs ssh deaf to Ctrl-C, which is for modectl to understand: the
// connection is needed to cancel a switch. It would be lost to the terminal's
// signal otherwise.
const quietly = `trap "" INT; exec ssh "$@"`

// exitSSH is ssh's own, for all that is not the command's.
const exitSSH = 255

// Bridge connects to the bus of another machine over ssh: host is not to begin
// with a dash. bus is an address there, or "system". What ssh and the bridge
// complain of goes to complaints.
func Bridge(ctx context.Context, host, bus string, complaints io.Writer) (io.ReadWriteCloser, error) {
	words := []string{"-c", quietly, "ssh", "-xT", "--", host, bridgeProgram}
	if bus != systemBus {
		words = append(words, quote("--bus-path="+bus))
	}
	cmd := exec.CommandContext(ctx, "sh", words...) // #nosec G204 -- host is the caller's, and no option
	cmd.Stderr = complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start ssh: %w", err)
	}
	return &bridge{cmd: cmd, in: in, out: out}, nil
}

// bridge is both ends of a bridge. Close waits for it.
type bridge struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

// bridgeLeave is how long a bridge may take to notice that nobody is there.
const bridgeLeave = 2 * time.Second

func (b *bridge) Read(p []byte) (int, error)  { return b.out.Read(p) }
func (b *bridge) Write(p []byte) (int, error) { return b.in.Write(p) }

// Close returns how ssh ended.
func (b *bridge) Close() error {
	_ = b.in.Close()
	kill := time.AfterFunc(bridgeLeave, func() { _ = b.cmd.Process.Kill() })
	defer kill.Stop()
	return b.cmd.Wait()
}

// there is the annotation of commands that read files of the machine: they run
// on it as a whole.
const there = "there"

func runsThere(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{there: "yes"}
	return cmd
}

// isThere tells whether a command or one above it runs there.
func isThere(cmd *cobra.Command) bool {
	for ; cmd != nil; cmd = cmd.Parent() {
		if cmd.Annotations[there] != "" {
			return true
		}
	}
	return false
}

// reach makes ready for another machine: its bus is asked through a bridge, and
// what reads its files runs on it.
func (a *app) reach(cmd *cobra.Command) error {
	if strings.HasPrefix(a.host, "-") || a.host == "" || a.Remote == nil || a.Bridge == nil {
		return exitf(exitUsage, "%q is not a host", manager1.Clean(a.host, manager1.MaxLine))
	}
	ctx := cmd.Context()
	if isThere(cmd) {
		return a.elsewhere(ctx, withoutHost(a.Args[1:]))
	}
	a.dial = func() (*manager1.Client, error) { return a.overBridge(ctx) }
	return nil
}

func (a *app) overBridge(ctx context.Context) (*manager1.Client, error) {
	b, err := a.Bridge(ctx, a.host, a.bus, a.Stderr)
	if err != nil {
		return nil, a.unreached(err)
	}
	conn, err := dbus.NewConn(b, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err == nil {
		err = conn.Auth(nil)
	}
	if err == nil {
		err = conn.Hello()
	}
	if err != nil {
		if ended := b.Close(); ended != nil {
			err = ended
		}
		return nil, a.unreached(err)
	}
	return manager1.New(conn), nil
}

// unreached says what was in the way, and what to try.
func (a *app) unreached(err error) error {
	host := manager1.Clean(a.host, manager1.MaxLine)
	var exit *exec.ExitError
	switch code := 0; {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &exit):
		code = exit.ExitCode()
		if code == exitSSH {
			return exitf(exitNoDaemon, "cannot reach %s: ssh failed\nssh %s tells why, and asks what it has to.", host, host)
		}
		if code == exitNotFound {
			return exitf(exitNoDaemon, "cannot reach the bus of %s: there is no %s, which comes with systemd\nTry: ssh -t %s modectl status", host, bridgeProgram, host)
		}
		return exitf(exitNoDaemon, "cannot reach the bus of %s: %s ended with %d\nTry: ssh -t %s modectl status", host, bridgeProgram, code, host)
	default:
		return exitf(exitNoDaemon, "cannot reach the bus of %s: %s", host, manager1.CleanLines(err.Error()))
	}
}

// passwordThere is for a call that another machine wants a password for.
func (a *app) passwordThere(ctx context.Context) error {
	if !a.InTTY || a.stays {
		return exitf(exitNotAuthorised, "not authorised: a password is needed, and there is nowhere to ask for it\nUse a terminal, or -H root@HOST.")
	}
	return a.askedThere(ctx)
}

// askedThere runs the command where a password can be asked for: polkit's agent
// must be on the machine whose polkit asks. What was agreed to here is not asked
// again.
func (a *app) askedThere(ctx context.Context) error {
	fmt.Fprintf(a.Stderr, "A password is needed; %s asks for it:\n", manager1.Clean(a.host, manager1.MaxLine))
	args := withoutHost(a.Args[1:])
	if a.agreed {
		args = append(args, "--yes")
	}
	err := a.elsewhere(ctx, args)
	if err == nil {
		err = &exitError{code: exitDone}
	}
	return err
}

// elsewhere runs a command line on the other machine.
func (a *app) elsewhere(ctx context.Context, args []string) error {
	code, err := a.Remote(ctx, a.host, args)
	if err != nil {
		return exitf(exitNoDaemon, "cannot reach %s: ssh failed\nssh %s tells why.", manager1.Clean(a.host, manager1.MaxLine), manager1.Clean(a.host, manager1.MaxLine))
	}
	return &exitError{code: code}
}
