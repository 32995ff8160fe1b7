package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// debScenarios are about the package: on one machine, which has no moded but the
// two versions of its package, in the order in which an admin meets them.
func debScenarios() []scenario {
	return []scenario{
		packaged("deb-install", 80, debInstall),
		packaged("deb-upgrade", 120, debUpgrade),
		packaged("deb-remove", 60, debRemove),
		packaged("deb-purge", 60, debPurge),
	}
}

// packaged makes a row for the machine with the packages.
func packaged(name string, seconds int, f func(*T)) scenario {
	return scenario{lab.Info{Name: name, Packaged: true, Expected: time.Duration(seconds) * time.Second}, []func(*T){f}}
}

const (
	conffile  = "/etc/moded/moded.toml"
	labConfig = "/etc/moded/moded.d/50-lab.toml"
)

// apt is apt-get without questions; there is no network.
func (t *T) apt(args ...string) result {
	r := t.Run("env", append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet=2"}, args...)...)
	if r.code != 0 {
		t.Fatalf("apt-get %s: exit %d", args[0], r.code)
	}
	for line := range strings.Lines(r.all) {
		// Debian's own words about an archive that it cannot read as _apt.
		if low := strings.ToLower(line); (strings.Contains(low, "warning") || strings.Contains(low, "failed")) && !strings.Contains(line, "_apt") {
			t.Errorf("apt-get %s says: %s", args[0], strings.TrimSpace(line))
		}
	}
	return r
}

// deb is the package of moded of that age.
func (t *T) deb(age string) string {
	found, err := filepath.Glob("/usr/lib/lab/debs/" + age + "/moded_*.deb")
	if err != nil || len(found) != 1 {
		t.Fatalf("lab: the %s package: %v, %v", age, found, err)
	}
	return found[0]
}

// state is what dpkg knows of moded: its status and version, or nothing.
func (t *T) state() string {
	r := t.Quiet("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", "moded")
	if r.code != 0 {
		return ""
	}
	return strings.TrimSpace(r.out)
}

// normal is a desktop that nothing of moded runs on.
func (t *T) normal() {
	fixtures(t)
	t.Quiet("systemctl", "stop", "ai.service")
	t.Quiet("systemctl", "start", "graphical.target", "fstrim.timer", "grabber.service")
	t.Quiet("chvt", "7")
	t.Eventually("the machine is a desktop", bootLimit, t.isDesktop)
	text, err := os.ReadFile("/usr/lib/lab/moded.toml")
	t.must(err)
	// With the AI server's patience of an upgrade under emulation.
	t.must(writeFile(labConfig, strings.ReplaceAll(string(text), `ready-timeout = "30s"`, `ready-timeout = "5m"`)))
}

// installed is a desktop with that version of the package, or with any, as the
// scenario before may have left it.
func (t *T) installed(version string) {
	if !strings.HasPrefix(t.state(), "installed "+version) {
		if strings.HasPrefix(t.state(), "installed ") {
			t.apt("purge", "moded")
		}
		t.normal()
		t.apt("install", t.deb("old"))
	}
	t.Eventually("moded is in desktop", settleLimit, t.wantMode("desktop"))
	t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
	t.Eventually("dev has an agent", settleLimit, func() error { return t.wantAgent(0) })
}

// wantAgent says whether dev's agent runs, in another process than that.
func (t *T) wantAgent(other int) error {
	if pid := t.agentPID(); pid == 0 || pid == other {
		return fmt.Errorf("the agent's pid is %d", pid)
	}
	return nil
}

func (t *T) agentPID() int {
	var pid int
	_, _ = fmt.Sscan(t.Quiet("pgrep", "-u", "dev", "-x", "moded-agent").out, &pid) // none is 0
	return pid
}

// version is what the running daemon says that it is.
func (t *T) version() string {
	var v string
	if err := t.property("Version", &v); err != nil {
		return err.Error()
	}
	return v
}

// debInstall: apt installs the package, nothing on the machine changes, the mode
// is adopted, agents are there; a switch works.
func debInstall(t *T) {
	if t.state() != "" {
		t.apt("purge", "moded")
	}
	t.normal()
	before, err := t.seated("dev")
	t.must(err)
	t.apt("install", t.deb("old"))
	t.Eventually("moded has adopted desktop", settleLimit, t.wantMode("desktop"))
	if err := t.alive(before.ID); err != nil {
		t.Errorf("%v", err)
	}
	if id := t.last().text("id"); id != "" && id != "0" {
		t.Errorf("the installation began transition %s", id)
	}
	t.Eventually("dev has an agent", settleLimit, func() error { return t.wantAgent(0) })
	for _, unit := range []string{"moded.service", "moded-probe.socket", "moded-workload.socket"} {
		if state := strings.TrimSpace(t.Run("systemctl", "is-enabled", unit).out); state != "enabled" {
			t.Errorf("%s is %s", unit, state)
		}
	}
	// The lab's machine leaves documentation out of all packages.
	if r := t.Sh("dpkg --verify moded | grep -v -e /usr/share/doc -e /usr/share/man"); strings.TrimSpace(r.out) != "" {
		t.Errorf("files differ from the package's")
	}
	t.Run("modectl", "status")
	if r := t.Run("journalctl", "--no-pager", "--list-catalog"); !strings.Contains(r.out, "moded") {
		t.Errorf("the catalog does not know moded's messages")
	}
	t.mustSwitch("studio")
	t.Eventually("the machine is a studio", settleLimit, t.isStudio)
	t.mustSwitch("desktop")
	t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
	t.firstHour()
}

// lacking is a configuration for a machine that has more than this one.
const lacking = `[gpus.gpu7]
pci = "0000:99:00.0"
[vllm.other]
unit = "absent.service"
url = "http://127.0.0.1:8009"
[base.gpus]
gpu7 = "any"
[base.vllm]
other = "off"
[modes.compute.vllm]
other = { gpus = ["gpu7"] }
`

// polkitOnBus lets the bus start polkit.
const polkitOnBus = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"

// firstHour takes away what a machine may lack, and asks the doctor.
func (t *T) firstHour() {
	t.configure(lacking)
	t.Cleanup(func() {
		t.Must("mv", "/run/polkit.away", polkitOnBus)
		t.Must("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
		// Given its alias back while it runs, PID 1 reads the alias's own state
		// over it, and takes the display manager for inactive.
		t.Must("systemctl", "stop", "lab-session.service")
		t.Must("systemctl", "enable", "lab-session.service")
		t.Must("systemctl", "start", "graphical.target")
		t.Eventually("the machine is a desktop again", bootLimit, t.isDesktop)
		t.Must("systemctl", "--user", "--machine=dev@", "start", "moded-agent.service")
	})
	t.Must("mv", polkitOnBus, "/run/polkit.away")
	t.Must("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
	t.Must("systemctl", "stop", "polkit.service")
	t.Must("systemctl", "disable", "lab-session.service")
	t.Must("systemctl", "--user", "--machine=dev@", "stop", "moded-agent.service")
	// What a busy machine could not see in time it names as that, not as missing.
	t.Eventually("the doctor names what is missing", settleLimit, func() error {
		r := t.Run("modectl", "doctor")
		if r.code != 1 {
			return errorf("modectl doctor: exit %d, want 1", r.code)
		}
		said := strings.Join(strings.Fields(r.out), " ")
		for what, words := range map[string]string{
			"the vLLM unit": "absent.service is not-found", "the GPU": "gpu7 is named in the configuration, and no GPU here is it",
			"the agent": "dev is logged in without an agent", "the display manager": "there is no display-manager.service",
			"polkit": "polkit is not on the bus",
		} {
			if !strings.Contains(said, words) {
				return errorf("the doctor does not name %s: %q", what, words)
			}
		}
		return nil
	})
}

// debUpgrade: in the middle of a transition the old daemon goes on to its end,
// and then makes room; at rest it makes room at once.
func debUpgrade(t *T) {
	t.installed(lab.OldVersion)
	t.Sh("echo '# mine' >>" + conffile)
	t.must(writeFile("/etc/lab/ai.conf", "delay=0s\nready=no\n"))
	steps := t.steps()
	t.allowed("compute")
	t.begin("compute")
	t.await("the AI server is waited for", steps, doing("units/ai.service acquire"))
	old := t.pid()
	t.apt("install", t.deb("new"))
	if t.pid() != old || t.mode() != "transitioning" {
		t.Fatalf("pid %d became %d, and the mode is %s", old, t.pid(), t.mode())
	}
	if t.version() == lab.NewVersion {
		t.Errorf("the new daemon answers")
	}
	t.must(writeFile("/etc/lab/ai.conf", "delay=0s\nready=yes\n"))
	t.Eventually("the new daemon is up in compute", settleLimit, func() error {
		if t.pid() == old {
			return errorf("the old daemon runs")
		}
		return t.wantMode("compute")()
	})
	t.modedLog()
	if got := t.version(); got != lab.NewVersion {
		t.Errorf("version %q runs, want %q", got, lab.NewVersion)
	}
	if end := t.last(); end.text("outcome") != "settled" {
		t.Errorf("the transition ended %s: %s", end.text("outcome"), end.text("message"))
	}
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	if r := t.Run("ls", "/run/moded/deny"); !strings.Contains(r.out, "lab-session.service") {
		t.Errorf("the display manager's gate is open")
	}
	if r := t.Run("cat", conffile); !strings.Contains(r.out, "# mine") {
		t.Errorf("the conffile was not kept")
	}
	t.mustSwitch("desktop")
	t.Eventually("dev has an agent", settleLimit, func() error { return t.wantAgent(0) })
	t.upgradeAtRest()
}

// upgradeAtRest replaces the package by itself: daemon and agent are new.
func (t *T) upgradeAtRest() {
	daemon, agent := t.pid(), t.agentPID()
	t.apt("install", "--reinstall", t.deb("new"))
	t.Eventually("the daemon is a new one", settleLimit, func() error {
		if t.pid() == daemon {
			return errorf("it is the old one")
		}
		return t.wantMode("desktop")()
	})
	t.Eventually("the agent is a new one", settleLimit, func() error { return t.wantAgent(agent) })
	t.Eventually("nothing is degraded", settleLimit, func() error {
		var degraded []string
		if err := t.property("Degraded", &degraded); err != nil || len(degraded) > 0 {
			return errorf("Degraded is %q, %v", degraded, err)
		}
		return nil
	})
}

// debRemove: the mode stays, moded goes, and no gate is shut.
func debRemove(t *T) {
	t.installed("")
	t.mustSwitch("compute")
	r := t.apt("remove", "moded")
	if !strings.Contains(r.all, "compute") {
		t.Errorf("apt does not say in which mode the machine is left")
	}
	t.Eventually("the machine is for computing still", settleLimit, t.isCompute)
	t.gone()
	if state := t.unit("moded-compute.target", "ActiveState"); state != "inactive" {
		t.Errorf("moded-compute.target is %s", state)
	}
	if r := t.Run("cat", conffile); r.code != 0 {
		t.Errorf("a removal deleted the configuration")
	}
	t.Must("systemctl", "start", "graphical.target")
	t.Eventually("a desktop starts", bootLimit, func() error { _, err := t.seated("dev"); return err })
	t.Must("systemctl", "--user", "--machine=dev@", "start", "default.target") // as apt has said: the manager may be that of before
	t.Eventually("dev hears something", settleLimit, func() error {
		if t.pwDump().code != 0 {
			return errorf("dev has no PipeWire")
		}
		return nil
	})
}

// gone says that nothing of moded runs or holds anything back.
func (t *T) gone() {
	if r := t.Run("pgrep", "-a", "moded"); r.code == 0 {
		t.Errorf("moded runs")
	}
	if r := t.Sh("ls -A /run/moded/deny /run/issue.d/50-moded.issue 2>/dev/null"); strings.TrimSpace(r.out) != "" {
		t.Errorf("gates are shut, or the console says how to leave")
	}
	if r := t.Run("systemctl", "--failed", "--no-legend", "--plain"); strings.Contains(r.out, "moded") {
		t.Errorf("units of moded have failed")
	}
}

// debPurge: nothing is left of moded, and the session does not notice.
func debPurge(t *T) {
	t.installed("")
	before, err := t.seated("dev")
	t.must(err)
	t.must(writeFile("/etc/moded/kubeconfig", "secret\n"))
	t.apt("purge", "moded")
	t.gone()
	left := t.Sh("ls -d /etc/moded /var/lib/moded /run/moded /usr/lib/moded 2>/dev/null; find /etc /usr/lib/systemd /usr/share /var/lib/systemd -name '*moded*' -not -path '*/lab-session.service.d/*' -not -path '*/moded-studio.target.wants*'") // those are the lab's
	if strings.TrimSpace(left.out) != "" {
		t.Errorf("the purge left something")
	}
	if r := t.Run("systemctl", "list-unit-files", "moded*"); !strings.Contains(r.out, "0 unit files") {
		t.Errorf("units are left")
	}
	if err := t.alive(before.ID); err != nil {
		t.Errorf("%v", err)
	}
	t.Eventually("the machine is a desktop", settleLimit, t.isDesktop)
}
