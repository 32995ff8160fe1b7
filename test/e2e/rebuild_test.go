package e2e_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/dbus/manager1"
)

// nixos is what nixos-rebuild needs of systemd, in the place of which are scripts,
// beside a daemon and a modectl that are real.
type nixos struct {
	*play
	dir  string
	lock *os.File
	// services has an end in all that the rebuilds have started.
	services, theirs *os.File
}

// In its own service PID 1 starts a program and waits until it is ready or gone. The
// pipe is open in both directions, so that nobody waits in it for a reader.
const systemdRun = `#!/bin/bash
while [ "$1" != -- ]; do shift; done; shift
rm -f "$DIR/told"; mkfifo "$DIR/told"
exec 4<>"$DIR/told"
{ "$@"; echo ended >&4; } </dev/null >/dev/null 2>"$DIR/said" &
read -r line <&4 && [ "$line" = ready ]
`

const systemctl = `#!/bin/bash
case "$*" in
*MainPID*) cat "$DIR/pid" ;;
*ExecStart*) echo "{ path=$(cat "$DIR/daemon") ; argv[]=moded ; }" ;;
*) echo "$*" >>"$DIR/asked" ;;
esac
`

func openNixOS(t *testing.T) *nixos {
	t.Helper()
	n := &nixos{play: open(t), dir: t.TempDir()}
	daemon, err := os.Readlink("/proc/self/exe") // the test stands for it
	if err != nil {
		t.Fatal(err)
	}
	n.write("daemon", daemon, 0o600)
	n.write("pid", strconv.Itoa(os.Getpid()), 0o600)
	n.write("systemd-run", systemdRun, 0o700)
	n.write("systemctl", systemctl, 0o700)
	n.write("systemd-notify", "#!/bin/bash\necho ready >\"$DIR/told\"\n", 0o700)
	if n.lock, err = os.Create(filepath.Join(n.dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if n.services, n.theirs, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.lock.Close() // which lets them go on
		n.ended()
	})
	return n
}

// ended waits until nothing runs any more that a rebuild has started.
func (n *nixos) ended() {
	_ = n.theirs.Close()
	_, _ = io.ReadAll(n.services)
	_ = n.services.Close()
}

// write writes a file, or a program that can be run at once: while it is open for
// writing nobody forks, whose child would keep it busy.
func (n *nixos) write(name, text string, mode os.FileMode) {
	n.t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), mode); err != nil {
		n.t.Fatal(err)
	}
}

func (n *nixos) read(name string) string {
	raw, _ := os.ReadFile(filepath.Join(n.dir, name)) // what nobody wrote is empty
	return string(raw)
}

// rebuild asks as switch-to-configuration does, with its lock in hand, and tells
// what was said when it was refused.
func (n *nixos) rebuild(action string) (refused string) {
	n.t.Helper()
	if err := unix.Flock(int(n.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		n.t.Fatal(err)
	}
	module, err := filepath.Abs("../../nixos-module")
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command("bash", filepath.Join(module, "pre-switch.sh"), filepath.Join(module, "while-switching.sh"), action)
	cmd.ExtraFiles = []*os.File{n.theirs}
	cmd.Env = append(os.Environ(), "DIR="+n.dir, "MODED_SWITCH_LOCK="+n.lock.Name(), "MODECTL_BUS="+n.Bus,
		"PATH="+n.dir+":"+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

// done lets go of the lock, as the end of switch-to-configuration does.
func (n *nixos) done() {
	n.t.Helper()
	if err := unix.Flock(int(n.lock.Fd()), unix.LOCK_UN); err != nil {
		n.t.Fatal(err)
	}
}

// transition is what is under way.
func (n *nixos) transition() manager1.Progress {
	n.t.Helper()
	now, err := n.client.Properties(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return now.Transition
}

func TestARebuildHoldsTheModeUntilItIsDone(t *testing.T) {
	t.Parallel()
	n := openNixOS(t)
	if refused := n.rebuild("switch"); refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	n.holds(1)
	out, err := n.Modectl(t.Context(), "switch", "studio", "--yes").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nixos-rebuild switch") {
		t.Errorf("the mode is not held by nixos-rebuild: %v\n%s", err, out)
	}
	n.done()
	n.holds(0)
	n.reach("studio")
	n.ended()
	if asked := n.read("asked"); strings.Contains(asked, "USR1") {
		t.Errorf("the same daemon was started anew: %s", asked)
	}
}

func TestANewDaemonTakesOverWhenTheRebuildIsDone(t *testing.T) {
	t.Parallel()
	n := openNixOS(t)
	n.write("daemon", "/nix/store/new/libexec/moded/moded", 0o600)
	if refused := n.rebuild("switch"); refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	if asked := n.read("asked"); strings.Contains(asked, "USR1") {
		t.Errorf("it took over in the middle: %s", asked)
	}
	n.done()
	n.holds(0)
	n.ended()
	if asked := n.read("asked"); !strings.Contains(asked, "--signal=USR1 moded.service") {
		t.Errorf("systemctl was asked %q", asked)
	}
}

func TestARebuildIsRefusedWhileTheModeChanges(t *testing.T) {
	t.Parallel()
	n := openNixOS(t)
	if _, err := n.Simulate("hang unit start ai.service"); err != nil {
		t.Fatal(err)
	}
	if out, err := n.Modectl(t.Context(), "switch", "compute", "--yes", "--no-wait").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, action := range []string{"switch", "test", "check"} {
		if refused := n.rebuild(action); !strings.Contains(refused, "the mode of this machine is changing: modectl status") {
			t.Errorf("%s: said %q", action, refused)
		}
		n.done()
	}
	if now := n.transition(); now.ID == 0 || now.Phase == "" {
		t.Errorf("the question ended what was under way: %+v", now)
	}
	for _, action := range []string{"boot", "dry-activate"} {
		if refused := n.rebuild(action); refused != "" {
			t.Errorf("%s touches nothing and was refused: %s", action, refused)
		}
		n.done()
	}
}

func TestARebuildNeedsNoDaemon(t *testing.T) {
	t.Parallel()
	n := openNixOS(t)
	n.daemon.Kill()
	if refused := n.rebuild("switch"); refused != "" {
		t.Errorf("refused: %s", refused)
	}
}
