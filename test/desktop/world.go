package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/simulate"
)

// Where things are in the system under test.
const (
	out       = "/out"    // logs, screenshots, the report; a directory of the host
	sources   = "/source" // the source tree, read-only
	systemBus = "unix:path=/run/dbus/system_bus_socket"
	moded     = "/usr/lib/moded/moded"
	runtime   = "/run/moded"
	state     = "/var/lib/moded"
)

// atTheMachine stands for logind, which is not there: the person at the desktop
// has the rights of one at the machine (org.modectl.policy, allow_active).
const atTheMachine = `polkit.addRule(function(action, subject) {
    var own = ["switch-mode", "end-own-session", "leave-headless", "hold", "hold-all"];
    if (subject.user === "dev" && own.indexOf(action.id.replace("org.modectl.", "")) >= 0)
        return polkit.Result.YES;
});
`

// world is the system under test: its buses, polkit, moded on a simulated
// machine, and the session of its user dev. The runner is root in it.
type world struct {
	// manager talks to moded on the system bus, as root.
	manager *manager1.Client
	// session is a connection to the session bus of dev.
	session *dbus.Conn

	daemon *program
}

// newWorld starts everything but the daemon and the desktop.
func newWorld(ctx context.Context, f face) (*world, error) {
	w := &world{}
	for _, dir := range []string{"/run/dbus", "/tmp/.X11-unix", "/run/user"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod("/tmp/.X11-unix", os.ModeSticky|0o777); err != nil {
		return nil, err
	}
	if err := put("/etc/polkit-1/rules.d/10-desktop-test.rules", atTheMachine); err != nil {
		return nil, err
	}
	if err := f.install(w); err != nil {
		return nil, fmt.Errorf("cannot install the applet: %w", err)
	}
	if err := w.startSystem(ctx); err != nil {
		return nil, err
	}
	return w, w.startSession(ctx)
}

// put writes a file that everybody may read.
func put(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// startSystem starts the system bus and polkit.
func (w *world) startSystem(ctx context.Context) error {
	if err := exec.CommandContext(ctx, "dbus-uuidgen", "--ensure").Run(); err != nil {
		return fmt.Errorf("cannot give the machine an id: %w", err)
	}
	bus, err := start(exec.Command("dbus-daemon", "--system", "--nofork", "--nopidfile"), "system-bus.log")
	if err != nil {
		return err
	}
	if err := until(ctx, "the system bus", func() (err error) {
		w.manager, err = manager1.Dial(systemBus)
		return errors.Join(err, bus.alive())
	}); err != nil {
		return err
	}
	_, err = start(exec.Command("/usr/lib/polkit-1/polkitd", "--no-debug"), "polkitd.log")
	return err
}

// daemon says how moded is to be started.
type daemon struct {
	// config is the configuration; empty is the simulated machine's own.
	config string
	// speed is how fast the simulated machine is; 0 is its own pace.
	speed float64
}

// fresh ends moded and starts it on a machine that nothing has happened to.
func (w *world) fresh(ctx context.Context, d daemon) error {
	w.kill()
	for _, dir := range []string{runtime, state} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return w.run(ctx, d)
}

// run starts moded where it left off, and returns when it is in a mode.
func (w *world) run(ctx context.Context, d daemon) error {
	args := []string{"--simulate", "--runtime-dir=" + runtime, "--state-dir=" + state}
	if d.speed != 0 {
		args = append(args, fmt.Sprintf("--simulate-speed=%g", d.speed))
	}
	if d.config != "" {
		if err := put("/etc/moded/desktop-test.toml", d.config); err != nil {
			return err
		}
		args = append(args, "--config=/etc/moded/desktop-test.toml")
	}
	var err error
	if w.daemon, err = start(exec.Command(moded, args...), "moded.log"); err != nil {
		return err
	}
	return until(ctx, "moded", func() error {
		p, err := w.manager.Properties(ctx)
		if err == nil && (p.Mode == "boot" || p.Mode == "transitioning") {
			err = fmt.Errorf("the mode is %s", p.Mode)
		}
		return errors.Join(err, w.daemon.alive())
	})
}

// kill ends moded as a crash would.
func (w *world) kill() {
	if w.daemon != nil {
		w.daemon.kill()
	}
}

// simulate tells the simulated machine what happens.
func (w *world) simulate(line string) error {
	_, err := simulate.Control(runtime, line)
	return err
}
