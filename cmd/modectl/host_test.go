package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// standIn is ssh as modectl calls it: what is to run there runs here, by a shell,
// as sshd has it run. bare is a machine without systemd, gone one that nobody
// reaches.
const standIn = `#!/bin/sh
case "$1" in -xT|-t) shift;; esac
[ "$1" = -- ] || { echo "ssh: an option" >&2; exit 255; }
host=$2
shift 2
case "$host" in
gone) echo "ssh: Could not resolve hostname gone" >&2; exit 255;;
bare) PATH=/nowhere;;
odd) set -- "exit 3";;
mute) set -- "exec true";;
esac
exec /bin/sh -c "$*"
`

// elsewhere is a PATH with ssh, and with modectl for what runs there.
func elsewhere(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"systemd-stdio-bridge", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: make deps installs it", program)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ssh"), standIn)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "modectl"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return "PATH=" + dir + ":" + os.Getenv("PATH")
}

// over runs modectl without a terminal and returns what it said.
func over(t *testing.T, address, path string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = []string{"BE_MODECTL=1", "MODECTL_BUS=" + address, "LANG=C.UTF-8", path}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit code tells
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestAnotherMachineIsAskedThroughTheBridge(t *testing.T) {
	t.Parallel()
	address, path := manager1test.Bus(t), elsewhere(t)
	d := workstation()
	d.NextID = 17
	d.Script = func(d *manager1test.Daemon, method string, _ uint32) {
		if method == manager1.MethodSwitchMode {
			d.Step(17, 0, 1, "gui release", manager1.Doing)
			d.Finish(manager1.Record{ID: 17, From: "desktop", To: "compute", Outcome: manager1.Settled, Mode: "compute"})
		}
	}
	d.Serve(t, address)
	for _, c := range []struct {
		args string
		code int
		out  string
	}{
		{"-H ann@box status", 0, "Mode        desktop"},
		{"--host=ann@box plan compute --json", 0, `"allowed": true`},
		{"-H box switch compute --yes", 0, "The machine is in compute mode"},
		{"-H box hold -- echo held here", 0, "held here"},
		{"-H box switch nonsense", 2, ""},
		{"-H box config check", 0, "ok: 3 modes"},
		{"-H box completion bash", 0, "__start_modectl"},
	} {
		code, out, errs := over(t, address, path, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) {
			t.Errorf("%s: exit code %d, %s%s", c.args, code, out, errs)
		}
	}
}

func TestWhatIsInTheWayOfAnotherMachineIsSaid(t *testing.T) {
	t.Parallel()
	address, path := manager1test.Bus(t), elsewhere(t)
	for _, c := range []struct {
		args string
		code int
		err  string
	}{
		{"-H gone status", 7, "ssh: Could not resolve hostname gone\nmodectl: cannot reach gone: ssh failed\nssh gone tells why, and asks what it has to.\n"},
		{"-H gone config check", 7, "cannot reach gone: ssh failed"},
		{"-H bare status", 7, "cannot reach the bus of bare: there is no systemd-stdio-bridge, which comes with systemd\nTry: ssh -t bare modectl status\n"},
		{"-H odd status", 7, "systemd-stdio-bridge ended with 3"},
		{"-H mute status", 7, "cannot reach the bus of mute: "},
		{"-H box status", 7, "moded is not running"}, // there
		{"-H -oProxyCommand=x status", 2, `"-oProxyCommand=x" is not a host`},
		{"--host= status", 2, "is not a host"},
	} {
		code, out, errs := over(t, address, path, strings.Fields(c.args)...)
		if code != c.code || out != "" || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d, %q\n%s", c.args, code, out, errs)
		}
	}
}

func TestCtrlCCancelsASwitchOfAnotherMachine(t *testing.T) {
	t.Parallel()
	address, path := manager1test.Bus(t), elsewhere(t)
	d := underWay()
	d.Serve(t, address)
	term := startWith(t, address, 80, 24, []string{path}, "-H", "box", "switch", "compute")
	term.await("the step", has("vllm/main release: doing"))
	term.press(ctrlC)
	term.await("the question", has(question))
	term.press("y\n")
	if code := term.end(); code != 1 || calls(d, manager1.MethodCancel) != 1 || !has("was cancelled")(term.screen.text()) {
		t.Errorf("exit code %d, %d calls of Cancel:\n%s", code, calls(d, manager1.MethodCancel), strings.Join(term.screen.text(), "\n"))
	}
}

// polkit's agent must be on the machine whose polkit asks.
func TestAPasswordIsAskedForOnTheOtherMachine(t *testing.T) {
	t.Parallel()
	address, path := manager1test.Bus(t), elsewhere(t)
	d := workstation()
	d.NeedsPrompt = map[string]bool{manager1.MethodReload: true}
	d.Serve(t, address)
	term := startWith(t, address, 80, 24, []string{path}, "-H", "box", "reload")
	if code := term.end(); code != 0 || !has("A password is needed; box asks for it:")(term.screen.text()) || calls(d, manager1.MethodReload) != 3 {
		t.Errorf("exit code %d, %d calls of Reload:\n%s", code, calls(d, manager1.MethodReload), strings.Join(term.screen.text(), "\n"))
	}
	if code, _, errs := over(t, address, path, "-H", "box", "reload"); code != 4 || !strings.Contains(errs, "nowhere to ask for it") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
