package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// reset brings the machine of a shared boot back to a desktop that nobody has
// touched, whatever the scenario before has left.
func reset(t *T) {
	fixtures(t)
	if _, err := t.seated("greeter"); err == nil { // what is started next is dev's session
		t.Quiet("systemctl", "stop", "display-manager.service")
	}
	if t.unit("moded.service", "ActiveState") != "active" {
		t.Quiet("systemctl", "reset-failed", "moded.service")
		t.Quiet("systemctl", "start", "moded.service")
	}
	if err := calm(t, bootLimit); err != nil {
		t.Logf("reset: %v", err)
		t.Run("busctl", "call", "--timeout=60", busName, busPath, busIface, "Recover", "u", "1")
		_ = calm(t, switchLimit)
	}
	if t.mode() != "desktop" {
		t.Logf("reset from %s", t.mode())
		t.Switch("desktop", "--force", "--now")
	}
	// A mode that was adopted has its target down, as it was found.
	t.Quiet("systemctl", "start", "graphical.target", "moded-desktop.target")
	t.Quiet("chvt", "7")
	t.desktop(switchLimit)
}

// fixtures puts the lab's own files and units back to rest.
func fixtures(t *T) {
	_ = os.WriteFile("/etc/lab/ai.conf", []byte("delay=0s\nready=yes\n"), 0o644)
	_ = os.WriteFile("/etc/lab/vllm.conf", []byte("engine=yes\n"), 0o644)
	for _, flag := range []string{"grab", "fail"} {
		_ = os.Remove("/etc/lab/" + flag)
	}
	t.Quiet("sh", "-c", "rm -rf /run/systemd/system/lab-session.service.d && systemctl daemon-reload")
	t.Quiet("sh", "-c", "systemctl stop lab-holder.service 'lab-login-*.service' 2>/dev/null; loginctl disable-linger dev")
	t.Quiet("systemctl", "reset-failed")
	t.stopPlaying()
}

// calm waits until no transition runs; stuck is not calm.
func calm(t *T, limit time.Duration) error {
	var last error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Second) {
		switch mode, phase := t.mode(), t.open().text("phase"); {
		case phase == "stuck":
			return fmt.Errorf("the machine is stuck")
		case mode == "transitioning" || mode == "boot" || phase != "" || mode[0] == '<':
			last = fmt.Errorf("mode %s, phase %q", mode, phase)
		default:
			return nil
		}
	}
	return last
}

// greeter lets the display manager begin with a greeter from now on, as a real
// one does when somebody has logged out.
func greeter(t *T) {
	const dir = "/run/systemd/system/lab-session.service.d"
	t.must(os.MkdirAll(dir, 0o755))
	t.must(os.WriteFile(dir+"/greeter.conf", []byte("[Service]\nUser=greeter\nEnvironment=XDG_SESSION_CLASS=greeter\n"), 0o644))
	t.Must("systemctl", "daemon-reload")
	t.Cleanup(func() { fixtures(t) })
}

// writeFile writes a fixture, with its directory.
func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
