package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startInSession starts a program as a process of that login session, until
// the scenario is over or the function that it gives is called.
func (t *T) startInSession(s session, line string) (pid int, end func()) {
	dir, err := os.Open(fmt.Sprintf("/sys/fs/cgroup/user.slice/user-%d.slice/session-%s.scope", s.UID, s.ID))
	t.must(err)
	defer dir.Close()
	cmd := asUser(s.User, line)
	cmd.Env = append(cmd.Env, "XDG_SESSION_ID="+s.ID, "TERM=linux")
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	cmd.SysProcAttr.Setsid = true
	var said bytes.Buffer
	out := &locked{to: &said}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, 2*time.Second
	t.must(cmd.Start())
	t.Logf("# started in session %s of %s, pid %d: %s", s.ID, s.User, cmd.Process.Pid, line)
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	end = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		t.Logf("# process %d has ended; it said: %s", cmd.Process.Pid, clip(said.String()))
	})
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

// eyesInhibitor: a lock that forbids to shut down is a job that somebody
// declared; one that only delays is none.
func eyesInhibitor(t *T) {
	dev, err := t.seated("dev")
	t.must(err)
	t.says("user-jobs", passes)
	for _, mode := range []string{"block", "delay"} {
		_, end := t.startInSession(dev, "exec systemd-inhibit --what=shutdown --mode="+mode+" --who='Lab Upload' --why='forty gigabytes to go' sleep 600")
		t.Eventually("the lock is listed", time.Minute, func() error {
			if r := t.Quiet("systemd-inhibit", "--list", "--no-pager"); !strings.Contains(r.out, "forty gigabytes") {
				return fmt.Errorf("%s", r.all)
			}
			return nil
		})
		t.Run("systemd-inhibit", "--list", "--no-pager")
		if mode == "block" {
			t.says("user-jobs", denies, "Lab Upload", "forty gigabytes to go", `"dev"`)
		} else if v := t.says("user-jobs", passes); strings.Contains(v.raw, "Lab Upload") {
			t.Errorf("a delay is a job: %s", v.raw)
		}
		end()
		t.says("user-jobs", passes)
	}
}

// A build that lasts: many files, and each takes the compiler a while.
const (
	makefile = "all: $(foreach n,$(shell seq 400),o/$(n).o)\no/%.o: long.c\n\t@mkdir -p o\n\tgcc -O2 -c -DN=$* -o $@ long.c\n"
	longC    = "#define F(n) int f##n(int x) { for (int i = 0; i < x; i++) x ^= i * (x + n + N); return x; }\n"
)

// eyesCompile: a build in dev's part of user.slice denies by the compiler's
// name or make's, wherever its compiler is just then.
func eyesCompile(t *T) {
	const dir = "/var/tmp/lab-build"
	t.says("user-jobs", passes)
	var functions strings.Builder
	functions.WriteString(longC)
	for n := range 200 {
		fmt.Fprintf(&functions, "F(%d)\n", n)
	}
	t.Cleanup(func() { t.Quiet("rm", "-rf", dir) })
	t.must(writeFile(dir+"/Makefile", makefile))
	t.must(writeFile(dir+"/long.c", functions.String()))
	t.Must("chown", "-R", "dev:", dir)
	pid := t.asUnit("dev", "lab-make", "make", "-C", dir)
	t.Eventually("the compiler runs", time.Minute, func() error {
		if r := t.Quiet("pgrep", "-a", "-u", "dev", "-x", "cc1"); r.code != 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Sh("ps -o pid,comm,cgroup --ppid %d -p %d", pid, pid)
	for range 3 {
		v := t.says("user-jobs", denies, `"dev"`)
		if !strings.Contains(v.raw, `"make"`) && !strings.Contains(v.raw, `"cc1"`) {
			t.Errorf("neither make nor cc1 is named: %s", v.raw)
		}
	}
	t.endUnit("dev", "lab-make")
	t.says("user-jobs", passes)
}

// eyesVim: a program that somebody has in front of them in a terminal counts
// when the admin asks for it.
func eyesVim(t *T) {
	dev, err := t.seated("dev")
	t.must(err)
	_, end := t.startInSession(dev, `{ sleep 2; echo 'vim.tiny /var/tmp/lab-vim.txt'; exec sleep 600; } | script -qc 'bash --norc -i' /dev/null >/dev/null`)
	t.Eventually("vim is in the foreground of its terminal", time.Minute, func() error {
		r := t.Quiet("ps", "-o", "pid=,pgid=,tpgid=,tty=,comm=", "-C", "vim.tiny")
		f := strings.Fields(r.out)
		if len(f) != 5 || f[1] != f[2] {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Run("ps", "-o", "pid,pgid,tpgid,tty,comm,cgroup", "-u", "dev")
	if v := t.says("user-jobs", passes); strings.Contains(v.raw, "vim") {
		t.Errorf("nobody asked for terminals: %s", v.raw)
	}
	t.configure("[guards.user-jobs]\nforeground-terminals = true\n")
	t.says("user-jobs", denies, "vim.tiny", `"dev"`, "pts/")
	end()
	t.says("user-jobs", passes)
}

// postinst is what dpkg is kept busy with.
const (
	debControl = "Package: lab-slow\nVersion: 1\nArchitecture: all\nMaintainer: Lab <lab@example.org>\nDescription: takes its time\n"
	debScript  = "#!/bin/sh\nexec sleep 600\n"
)

// eyesAptLock: apt installs a package that takes its time; both locks of
// Debian's are record locks, which show in /proc/locks.
func eyesAptLock(t *T) {
	t.says("user-jobs", passes)
	t.slowInstall()
	v := t.says("user-jobs", denies, "apt")
	holders := strings.Fields(t.Quiet("fuser", "/var/lib/dpkg/lock-frontend").out)
	if len(holders) != 1 {
		t.Fatalf("the lock has %d holders", len(holders))
	}
	if !strings.Contains(fmt.Sprintf("%+v", v.Culprits), "PID:"+holders[0]+" ") {
		t.Errorf("process %s is not named: %s", holders[0], v.raw)
	}
	t.Quiet("systemctl", "stop", "lab-apt.service")
	t.says("user-jobs", passes)
}

// slowInstall lets apt be at work, in lab-apt.service, until the scenario is
// over or the unit is stopped.
func (t *T) slowInstall() {
	const dir = "/var/tmp/lab-deb"
	t.Cleanup(func() {
		t.Quiet("systemctl", "stop", "lab-apt.service")
		t.Quiet("sh", "-c", "dpkg --force-all --purge lab-slow; rm -rf "+dir+" "+dir+".deb")
	})
	t.must(writeFile(dir+"/DEBIAN/control", debControl))
	t.must(writeFile(dir+"/DEBIAN/postinst", debScript))
	t.Must("chmod", "755", dir+"/DEBIAN/postinst", dir, dir+"/DEBIAN")
	t.Must("dpkg-deb", "--build", dir, dir+".deb")
	t.Must("systemd-run", "--quiet", "--collect", "--unit=lab-apt", "apt-get", "install", "-y", dir+".deb")
	t.Eventually("apt holds its lock", 2*time.Minute, func() error {
		if r := t.Quiet("fuser", "/var/lib/dpkg/lock-frontend"); r.code != 0 {
			return fmt.Errorf("%s", t.Quiet("journalctl", "-b", "-u", "lab-apt.service", "--no-pager").all)
		}
		return nil
	})
	t.Sh("fuser -v /var/lib/dpkg/lock /var/lib/dpkg/lock-frontend; cat /proc/locks")
}

// eyesHold: dev holds the mode. Nobody else's wish bends it but root's, and a
// holder that is killed holds nothing.
func eyesHold(t *T) {
	dev, err := t.seated("dev")
	t.must(err)
	other := t.Login(login{user: "other", kind: "tty"})
	_, end := t.startInSession(dev, "exec modectl hold --all --reason='the mastering session' -- sleep 600")
	t.Eventually("the hold is listed", time.Minute, func() error {
		if r := t.Quiet("modectl", "holds"); !strings.Contains(r.out, "mastering") {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Run("modectl", "holds")
	for name, r := range map[string]result{
		"dev": t.inSession(dev, "modectl switch studio"), "other": t.inSession(other, "modectl switch studio"), "root": t.Run("modectl", "switch", "studio"),
	} {
		if r.code == 0 {
			t.Errorf("%s switched in spite of the hold", name)
		}
	}
	r := t.Run("modectl", "switch", "studio", "--reason", "lab")
	if r.code != 3 || !strings.Contains(r.all, "the mastering session") {
		t.Errorf("exit %d, and the hold is not named", r.code)
	}
	if r := t.Run("modectl", "switch", "studio", "--force", "--reason", "lab"); r.code != 0 {
		t.Errorf("root cannot override: exit %d", r.code)
	}
	if r := t.Run("modectl", "switch", "desktop", "--force", "--reason", "lab"); r.code != 0 {
		t.Errorf("root cannot override: exit %d", r.code)
	}
	t.heldFor(end)
	t.allowed("studio")
}

// heldFor kills the holder and measures how long its hold is still there, by
// the daemon's own property.
func (t *T) heldFor(kill func()) {
	var held uint32
	t.must(t.property("Holds", &held))
	if held != 1 {
		t.Errorf("%d holds, want 1", held)
	}
	kill()
	start := time.Now()
	for held != 0 && time.Since(start) < time.Minute {
		t.must(t.property("Holds", &held))
	}
	if took := time.Since(start); took > 10*time.Second { // a third of a second, where nothing else runs
		t.Errorf("the hold was there %s after its holder", took)
	}
	t.Logf("the hold was gone %s after its holder", time.Since(start).Round(time.Millisecond))
}
