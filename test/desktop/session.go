package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// The person at the desktop.
const (
	devUID     = 1000
	devHome    = "/home/dev"
	devRuntime = "/run/user/1000"
	sessionBus = "unix:path=" + devRuntime + "/bus"
)

// sessionConf is a stock session bus that root may speak on, too: the runner.
const sessionConf = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <include>/usr/share/dbus-1/session.conf</include>
  <policy context="mandatory"><allow user="root"/></policy>
</busconfig>
`

// startSession starts the session bus of dev.
func (w *world) startSession(ctx context.Context) error {
	if err := os.MkdirAll(devRuntime, 0o700); err != nil {
		return err
	}
	if err := os.Chown(devRuntime, devUID, devUID); err != nil {
		return err
	}
	const conf = "/etc/dbus-1/desktop-test.conf"
	if err := put(conf, sessionConf); err != nil {
		return err
	}
	bus, err := start(w.as("dbus-daemon", "--config-file="+conf, "--address="+sessionBus, "--nofork", "--nopidfile"), "session-bus.log")
	if err != nil {
		return err
	}
	return until(ctx, "the session bus", func() (err error) {
		w.session, err = dbus.Connect(sessionBus)
		return errors.Join(err, bus.alive())
	})
}

// as makes a command of dev's, in the session.
func (w *world) as(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = devHome
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: devUID, Gid: devUID}}
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + devHome, "USER=dev", "LOGNAME=dev", "SHELL=/bin/sh",
		"LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + devRuntime, "DBUS_SESSION_BUS_ADDRESS=" + sessionBus,
		"XDG_SESSION_CLASS=user", "LIBGL_ALWAYS_SOFTWARE=1",
	}
	return cmd
}

// picture makes the path of a screenshot, in a directory that dev may write.
func picture(name string) (string, error) {
	dir := filepath.Join(out, "pictures")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(dir, name+".png"), os.Chown(dir, devUID, devUID)
}
