package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// guiScenarios end the GUI, or do not, with people around.
func guiScenarios() []scenario {
	return []scenario{
		long("hands-grace-cancelled-at-the-last-second", 150, graceCancelled),
		long("hands-tty-notice", 120, ttyNotice),
		long("hands-second-user", 200, secondUser),
		long("hands-linger", 180, lingering),
		long("hands-greeter", 180, fromTheGreeter),
		alone("hands-inhibitor-retaken", 200, inhibitorRetaken),
	}
}

// lives are the invocations of what a switch to compute touches first and last:
// a unit that was stopped and started lives another life.
func (t *T) lives() string {
	r := t.Quiet("systemctl", "show", "display-manager.service", "graphical.target", "moded-desktop.target", "grabber.service", "ai.service",
		"user@1000.service", "-p", "Id,ActiveState,InvocationID")
	return strings.TrimSpace(r.out) + "\ndenied: " + strings.TrimSpace(t.Quiet("ls", "/run/moded/deny").out)
}

// counting waits until the grace period runs, and gives the transition and when
// it is over.
func (t *T) counting() (id uint32, end time.Time) {
	t.Eventually("the countdown", settleLimit, func() error {
		d := t.open()
		if phase := d.text("phase"); phase != "grace" {
			return fmt.Errorf("phase %q", phase)
		}
		n, _ := strconv.ParseUint(d.text("id"), 10, 32)
		us, _ := strconv.ParseInt(d.text("deadline"), 10, 64)
		id, end = uint32(n), time.UnixMicro(us)
		return nil
	})
	return id, end
}

// graceCancelled: the closer to its end, the less is sure which comes first, and
// each time either all is as before, or a rollback that ended nobody.
func graceCancelled(t *T) {
	conn, err := dbus.ConnectSystemBus()
	t.must(err)
	t.Cleanup(func() { _ = conn.Close() })
	daemon := conn.Object(busName, busPath)
	dev, err := t.seated("dev")
	t.must(err)
	for _, early := range []time.Duration{time.Second, 200 * time.Millisecond, 20 * time.Millisecond, 0} {
		t.allowed("compute")
		before := t.lives()
		t.begin("compute")
		id, end := t.counting()
		time.Sleep(time.Until(end) - early)
		err = daemon.Call(busIface+".Cancel", 0, id).Err
		inTime := time.Now().Before(end) // on a busy machine it may not have been
		t.Logf("cancelled transition %d %s before the end of its grace period: %v", id, early, err)
		if err != nil {
			t.Errorf("cancel: %v", err)
		}
		t.Eventually("it is over", switchLimit, func() error {
			if d := t.last(); d.text("id") != fmt.Sprint(id) || t.open().text("phase") != "" {
				return fmt.Errorf("last is %s, phase %q", d.text("id"), t.open().text("phase"))
			}
			return nil
		})
		d := t.last()
		t.Logf("outcome %s: %s", d.text("outcome"), d.text("message"))
		switch d.text("outcome") {
		case "cancelled":
			if after := t.lives(); after != before {
				t.Errorf("something was touched:\n%s\nbefore:\n%s", after, before)
			}
		case "rolled-back":
			if inTime {
				t.Errorf("it began before its grace period was over")
			}
		default:
			t.Errorf("outcome is %s", d.text("outcome"))
		}
		if lost := d.text("lost"); strings.Contains(lost, "dev") {
			t.Errorf("lost is %s", lost)
		}
		if err := t.alive(dev.ID); err != nil {
			t.Errorf("%v", err)
		}
		t.desktop(settleLimit)
	}
}

// terminal gives the user a pseudo terminal over ssh, whose text is in the file.
func (t *T) terminal(user, first string) (file string) {
	unit := fmt.Sprintf("lab-login-%s-pts%d", user, time.Now().UnixNano())
	file = "/run/" + unit + ".log"
	t.must(os.WriteFile(file, nil, 0o666))
	t.must(os.Chmod(file, 0o666))
	t.Cleanup(func() { t.Quiet("systemctl", "stop", unit); _ = os.Remove(file) })
	t.Must("systemd-run", "--quiet", "--collect", "--unit="+unit, "--uid="+user, "-p", "PAMName=login", "-p", "Environment=XDG_SESSION_TYPE=tty",
		"-p", "Environment=XDG_SESSION_CLASS=user", "script", "-q", "-f", "-c", first+"; echo he''re; sleep infinity", file)
	t.Eventually(user+"'s terminal", time.Minute, func() error { return t.reads(file, "here") }) // not the command, which script writes down too
	return file
}

// reads says whether the file has the text.
func (t *T) reads(file string, texts ...string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, text := range texts {
		if !strings.Contains(string(raw), text) {
			return fmt.Errorf("%s does not say %q: %q", file, text, clip(string(raw)))
		}
	}
	return nil
}

// ttyNotice: terminals of everybody count down with the desktop, and hear of the
// cancellation, also those that take no messages, as new ones are by default;
// news is for those that do.
func ttyNotice(t *T) {
	t.configure("[[edges]]\nevent = \"to_compute\"\nfrom = \"desktop\"\nto = \"compute\"\nthrough = \"transitioning\"\ngrace = \"40s\"\n")
	ssh, muted := t.terminal("dev", `chmod g+w "$(tty)"`), t.terminal("dev", `chmod g-w "$(tty)"`)
	other := t.terminal("other", "tty")
	t.Login(login{user: "other", vt: 8, kind: "tty"})
	t.Eventually("other has an agent", settleLimit, func() error {
		if r := t.userctl("other", "is-active", "moded-agent.service"); r.code != 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.allowed("compute")
	t.Sh("ls -l /dev/pts /dev/tty8")
	t.begin("compute")
	id, _ := t.counting()
	cancel := fmt.Sprint("modectl cancel ", id)
	said := []string{"This machine goes to compute mode", "(in 3", "This ends:", "session", "of dev", cancel}
	t.Eventually("dev's terminal is told", settleLimit, func() error { return t.reads(ssh, append(said, "your session ends, save your work")...) })
	t.Eventually("other's terminal is told", settleLimit, func() error { return t.reads(other, said...) })
	t.Eventually("it is told again", settleLimit, func() error { return t.reads(ssh, "(in 30 s)") })
	t.Run("sh", "-c", cancel)
	for _, file := range []string{ssh, muted, other} {
		t.Eventually("it is told that it is cancelled", settleLimit, func() error { return t.reads(file, "was cancelled") })
		raw, _ := os.ReadFile(file)
		t.Logf("%s:\n%q", file, raw)
		if strings.ContainsRune(strings.SplitN(string(raw), "here", 2)[1], 0x1b) {
			t.Errorf("%s has escape sequences", file)
		}
	}
	if t.reads(other, "your session ends") == nil {
		t.Errorf("other was told that their session ends")
	}
	screen := t.Run("cat", "/dev/vcs8").out
	for _, want := range []string{"This machine goes to compute mode", cancel, "was cancelled"} {
		if !strings.Contains(screen, want) {
			t.Errorf("the console of other does not say %q", want)
		}
	}
	// Weston shows no notifications, so news comes to terminals too.
	t.mustSwitch("studio")
	t.Eventually("news is told", settleLimit, func() error { return t.reads(ssh, "From desktop to studio mode") })
	if t.reads(muted, "From desktop to studio mode") == nil {
		t.Errorf("a terminal that takes no messages was told news")
	}
	t.mustSwitch("desktop")
}

// victimsRule has polkit write down what its prompt would say.
const victimsRule = `polkit.addRule(function(action, subject) {
	if (action.id.indexOf("org.modectl.end") == 0)
		try {
			polkit.spawn(["/usr/bin/logger", "lab: " + action.id + " for " + subject.user + ": mode " + action.lookup("mode") + ", victims " + action.lookup("victims")]);
		} catch (error) {
			polkit.log("lab: " + error);
		}
	return polkit.Result.NOT_HANDLED;
});
`

// secondUser: two desktops. Plan and prompt name both sessions; who sits at one
// cannot end the other's; root can, and both end.
func secondUser(t *T) {
	const rule = "/etc/polkit-1/rules.d/90-lab.rules"
	t.Cleanup(func() { _ = os.Remove(rule) })
	t.must(os.WriteFile(rule, []byte(victimsRule), 0o644))
	dev, err := t.seated("dev")
	t.must(err)
	other := t.Login(login{user: "other", vt: 8, kind: "wayland"})
	t.Must("chvt", "7")
	t.allowed("compute")
	names := func(s session) string { return "session " + s.ID + " of " + s.User }
	if plan := t.Run("modectl", "plan", "compute").all; !strings.Contains(plan, "dev") || !strings.Contains(plan, "other") {
		t.Errorf("the plan does not name both")
	}
	prompt := t.inSession(dev, "timeout 60 script -q -c '"+switchAndGo("compute")+"' /dev/null </dev/null").all
	r := t.inSession(dev, switchAndGo("compute"))
	if r.code != notAuthorised {
		t.Errorf("dev ends the session of other: exit %d, want %d", r.code, notAuthorised)
	}
	t.Eventually("the prompt names both sessions", time.Minute, func() error {
		if strings.Contains(prompt, names(dev)) && strings.Contains(prompt, names(other)) {
			return nil
		}
		log := t.Quiet("journalctl", "-b", "--no-pager", "-o", "cat", "--grep", "lab:").out
		for line := range strings.Lines(log) {
			if strings.Contains(line, "org.modectl.end-sessions for dev: mode compute") && strings.Contains(line, names(dev)) && strings.Contains(line, names(other)) {
				t.Logf("%s", line)
				return nil
			}
		}
		return fmt.Errorf("polkit logs: %s", clip(log))
	})
	for _, s := range []session{dev, other} {
		if err := t.alive(s.ID); err != nil {
			t.Errorf("%v", err)
		}
	}
	t.mustSwitch("compute")
	t.show("in compute")
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	for _, s := range []session{dev, other} {
		if err := t.alive(s.ID); err == nil {
			t.Errorf("%s is still alive", names(s))
		}
	}
	if ends := t.Run("modectl", "history", "show", t.last().text("id")).all; !strings.Contains(ends, names(dev)) || !strings.Contains(ends, names(other)) {
		t.Errorf("the history does not name both sessions")
	}
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
}

// lingering: managers without a session are nobody's desktop. What runs in them
// goes on, in and out of compute.
func lingering(t *T) {
	for _, user := range []string{"other", "dev"} {
		t.Cleanup(func() { t.Quiet("loginctl", "disable-linger", user) })
		t.Must("loginctl", "enable-linger", user)
	}
	t.Eventually("other's manager runs", settleLimit, func() error { return t.wantUnit("user@1001.service", "active") })
	pids := map[string]int{}
	for _, user := range []string{"other", "dev"} {
		pids[user] = t.asUnit(user, "lab-keeps", "sleep", "infinity")
	}
	same := func(when string) {
		for user, pid := range pids {
			if now := t.mainPID(user, "lab-keeps"); now != pid || pid == 0 {
				t.Errorf("%s: what runs in the manager of %s was %d and is %d", when, user, pid, now)
			}
		}
	}
	t.allowed("compute")
	if plan := t.Run("modectl", "plan", "compute").all; strings.Contains(plan, "of other") {
		t.Errorf("the plan ends something of other")
	}
	t.mustSwitch("compute")
	t.Run("loginctl", "list-sessions", "--no-pager")
	t.Run("loginctl", "list-users", "--no-pager")
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	same("in compute")
	if err := t.wantUnit("user@1000.service", "active"); err != nil {
		t.Errorf("%v", err)
	}
	t.mustSwitch("desktop")
	t.desktop(settleLimit)
	same("back")
}

// fromTheGreeter: nobody is logged in, so nobody is warned, waited for or lost.
func fromTheGreeter(t *T) {
	t.Must("systemctl", "stop", "display-manager.service")
	greeter(t)
	// Before fixtures: what is left is a greeter that reset would not know.
	t.Cleanup(func() { t.Quiet("systemctl", "stop", "display-manager.service") })
	t.Must("systemctl", "start", "display-manager.service")
	waits := func() error { _, err := t.seated("greeter"); return err }
	t.Eventually("a login screen is there", settleLimit, waits)
	t.Eventually("dev is gone", settleLimit, func() error {
		if r := t.Quiet("pgrep", "-u", "dev"); r.code == 0 {
			return fmt.Errorf("processes of dev: %s", r.out)
		}
		return nil
	})
	t.allowed("compute")
	plan := t.Run("modectl", "plan", "compute").all
	if !strings.Contains(plan, "end the login screen") || strings.Contains(plan, "point of no return") {
		t.Errorf("the plan takes the login screen for somebody")
	}
	steps := t.steps()
	t.begin("compute")
	if phase := t.open().text("phase"); phase == "grace" {
		t.Errorf("a login screen is counted down")
	}
	t.await("the end of the login screen", steps, doing("gui release"))
	t.Eventually("mode compute", switchLimit, t.wantMode("compute"))
	t.Eventually("the machine is for computing", settleLimit, t.isCompute)
	if lost := t.last().text("lost"); strings.Contains(lost, "greeter") {
		t.Errorf("lost is %s", lost)
	}
	t.mustSwitch("desktop")
	t.Eventually("the login screen is back", settleLimit, waits)
}

// locks lists moded's inhibitors, as logind tells them.
func (t *T) locks() (mine []string) {
	r := t.Quiet("busctl", "--json=short", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "ListInhibitors")
	var answer struct{ Data [][][]any }
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || len(answer.Data) == 0 {
		return []string{"cannot see: " + r.all}
	}
	for _, entry := range answer.Data[0] {
		if len(entry) == 6 && fmt.Sprint(entry[5]) == fmt.Sprint(t.pid()) {
			mine = append(mine, fmt.Sprint(entry[0], " ", entry[3]))
		}
	}
	return mine
}

func (t *T) wantLocks(want string) func() error {
	return func() error {
		if got := strings.Join(t.locks(), ", "); got != want {
			return fmt.Errorf("moded's locks are %q, want %q", got, want)
		}
		return nil
	}
}

// inhibitorRetaken: shutdown and sleep are blocked while steps run, by a logind
// that is restarted meanwhile too. By then no session is left that the restart
// could hurt.
func inhibitorRetaken(t *T) {
	const both = "shutdown:sleep block-weak"
	t.desktop(bootLimit)
	t.configure("[modes.compute.units.\"ai.service\"]\nready-timeout = \"4m\"\n")
	t.must(os.WriteFile("/etc/lab/ai.conf", []byte("delay=45s\nready=yes\n"), 0o644))
	t.allowed("compute")
	if err := t.wantLocks("")(); err != nil {
		t.Errorf("at rest: %v", err)
	}
	steps := t.steps()
	t.begin("compute")
	if err := t.wantLocks("")(); err != nil {
		t.Errorf("in the grace period: %v", err)
	}
	t.await("the start of the AI server", steps, doing("units/ai.service acquire"))
	t.Eventually("the lock is held", settleLimit, t.wantLocks(both))
	t.Run("systemd-inhibit", "--list", "--no-pager")
	for _, question := range []string{"CanReboot", "CanSuspend"} {
		t.Run("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", question)
	}
	before := t.unit("systemd-logind.service", "InvocationID")
	t.Must("systemctl", "restart", "systemd-logind.service")
	if t.unit("systemd-logind.service", "InvocationID") == before {
		t.Errorf("logind was not restarted")
	}
	t.Eventually("it is held again, once", settleLimit, t.wantLocks(both))
	t.Run("journalctl", "-b", "--no-pager", "-n", "20", "-u", "moded.service", "-u", "systemd-logind.service")
	t.Eventually("mode compute", switchLimit, t.wantMode("compute"))
	t.Eventually("it is let go", settleLimit, t.wantLocks(""))

	steps = t.steps()
	pid := t.pid()
	t.begin("desktop")
	t.await("the first step", steps, func(s step) bool { return s.status == "doing" })
	t.kill(pid)
	t.Eventually("mode compute", switchLimit, t.wantMode("compute"))
	t.Eventually("it ends with the process, and with the undo", settleLimit, t.wantLocks(""))
	t.Run("systemd-inhibit", "--list", "--no-pager")
}
