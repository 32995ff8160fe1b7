package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
)

// ppd is power-profiles-daemon, where Debian puts it.
var ppd = []string{"/usr/libexec/power-profiles-daemon", "/usr/lib/power-profiles-daemon"}

const (
	ppdName = "net.hadess.PowerProfiles"
	ppdPath = "/net/hadess/PowerProfiles"
)

// needPeers has them installed, or says how.
func needPeers(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "test/deps.sh", "bench")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the peers are missing: %w", err)
	}
	return nil
}

func peer() (string, error) {
	for _, path := range ppd {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("power-profiles-daemon is not installed")
}

// scene is a private bus with moded on a simulated machine and the peer on it.
type scene struct {
	bin     string
	dir     string
	address string
	bus     *exec.Cmd
	moded   *exec.Cmd
	ppd     *exec.Cmd
	conn    *dbus.Conn
	crowd   string // the program, once it is built
}

func newScene(ctx context.Context, bin string) (*scene, error) {
	dir, err := os.MkdirTemp("", "moded-bench-")
	if err != nil {
		return nil, err
	}
	s := &scene{bin: bin, dir: dir}
	for _, start := range []func(context.Context) error{s.startBus, s.startModed, s.startPeer, s.wait} {
		if err := start(ctx); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// mortal has a process that is about to be started end with us, also when we are
// killed. The kernel means the thread that started it; Go's live as long as we.
func mortal(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// startBus starts a bus that lets everybody do everything: policy costs are
// the same for both.
func (s *scene) startBus(context.Context) error {
	s.bus = exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=1", "--address=unix:path="+filepath.Join(s.dir, "bus"))
	mortal(s.bus)
	pipe, err := s.bus.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.bus.Start(); err != nil {
		return fmt.Errorf("cannot start dbus-daemon: %w", err)
	}
	line, err := bufio.NewReader(pipe).ReadString('\n')
	s.address = strings.TrimSpace(line)
	return err
}

func (s *scene) startModed(context.Context) error {
	// As its unit runs it (systemd/moded.service).
	s.moded = exec.Command(filepath.Join(s.bin, "moded"), "--simulate", "--bus="+s.address,
		"--runtime-dir="+filepath.Join(s.dir, "run"), "--state-dir="+filepath.Join(s.dir, "state"))
	s.moded.Env = append(os.Environ(), "GOMEMLIMIT=32MiB")
	mortal(s.moded)
	return s.moded.Start()
}

func (s *scene) startPeer(context.Context) error {
	path, err := peer()
	if err != nil {
		return err
	}
	s.ppd = exec.Command(path)
	s.ppd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+s.address, "POWER_PROFILE_DAEMON_FAKE_DRIVER=1")
	mortal(s.ppd)
	return s.ppd.Start()
}

// wait waits until both answer and moded has settled in its first mode.
func (s *scene) wait(ctx context.Context) error {
	conn, err := dbus.Connect(s.address)
	if err != nil {
		return err
	}
	s.conn = conn
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		mode, err := s.get(ctx, manager1.BusName, manager1.Path, manager1.Interface, "Mode")
		_, peerErr := s.get(ctx, ppdName, ppdPath, ppdName, "ActiveProfile")
		if err == nil && peerErr == nil && mode.Value() == "desktop" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the daemons did not come up: moded %v, power-profiles-daemon %w", err, peerErr)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *scene) get(ctx context.Context, name string, path dbus.ObjectPath, iface, property string) (dbus.Variant, error) {
	var v dbus.Variant
	err := s.conn.Object(name, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, iface, property).Store(&v)
	return v, err
}

func (s *scene) close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	for _, cmd := range []*exec.Cmd{s.moded, s.ppd, s.bus} {
		if cmd != nil && cmd.Process != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	_ = os.RemoveAll(s.dir)
}
