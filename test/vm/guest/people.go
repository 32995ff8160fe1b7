package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// credential is a user's with all groups.
func credential(name string) (*syscall.Credential, *user.User) {
	u, err := user.Lookup(name)
	if err != nil {
		panic(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	ids, _ := u.GroupIds()
	for _, id := range ids {
		g, _ := strconv.ParseUint(id, 10, 32)
		c.Groups = append(c.Groups, uint32(g))
	}
	return c, u
}

// asUser is a shell line with a user's identity and runtime directory, but in
// no session of its own.
func asUser(name, line string) *exec.Cmd {
	c, u := credential(name)
	cmd := exec.Command("sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c}
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + u.HomeDir, "USER=" + name, "LOGNAME=" + name, "LANG=C.UTF-8", "NO_COLOR=1",
		"XDG_RUNTIME_DIR=/run/user/" + u.Uid, "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/" + u.Uid + "/bus",
	}
	return cmd
}

// inSession runs the line as a process of that login session, which is what
// polkit and logind look at.
func (t *T) inSession(s session, line string) result {
	dir, err := os.Open(fmt.Sprintf("/sys/fs/cgroup/user.slice/user-%d.slice/session-%s.scope", s.UID, s.ID))
	t.must(err)
	defer dir.Close()
	cmd := asUser(s.User, line)
	cmd.Env = append(cmd.Env, "XDG_SESSION_ID="+s.ID)
	cmd.SysProcAttr.UseCgroupFD = true
	cmd.SysProcAttr.CgroupFD = int(dir.Fd())
	t.Logf("# in session %s of %s:", s.ID, s.User)
	return t.Exec(cmd)
}

// overSSH runs the line as sshd would: in a login session of its own that has
// no seat and comes from another machine.
func (t *T) overSSH(name, line string) result {
	t.Logf("# %s over ssh:", name)
	return t.Run("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--expand-environment=no", "--uid="+name,
		"-p", "PAMName=login", "-p", "Environment=XDG_SESSION_TYPE=tty", "-p", "Environment=XDG_SESSION_CLASS=user", "sh", "-c", line)
}

// inManager runs the line through the user's service manager, outside any
// session.
func (t *T) inManager(name, line string) result {
	t.Logf("# systemd-run --user of %s:", name)
	return t.Run("systemd-run", "--quiet", "--user", "--machine="+name+"@.host", "--expand-environment=no", "--wait", "--pipe", "--collect", "sh", "-c", line)
}

// login is a way of coming to the machine.
type login struct {
	user string
	vt   int    // 0: none, as over ssh
	kind string // logind's type: tty, wayland
}

// unitName is the transient unit that stands for the login.
func (l login) unitName() string { return fmt.Sprintf("lab-login-%s-%d", l.user, l.vt) }

// Login opens a session that lasts until the scenario is over, and gives it.
func (t *T) Login(l login) session {
	before, err := t.sessions()
	t.must(err)
	args := []string{"--quiet", "--collect", "--unit=" + l.unitName(), "--uid=" + l.user, "-p", "PAMName=login",
		"-p", "Environment=XDG_SESSION_TYPE=" + l.kind, "-p", "Environment=XDG_SESSION_CLASS=user"}
	if l.vt > 0 {
		tty := fmt.Sprintf("tty%d", l.vt)
		args = append(args, "-p", "TTYPath=/dev/"+tty, "-p", "StandardInput=tty-force", "-p", "UtmpIdentifier="+tty, "-p", "UtmpMode=user",
			"-p", "Environment=XDG_SEAT=seat0", "-p", fmt.Sprintf("Environment=XDG_VTNR=%d", l.vt))
	}
	t.Cleanup(func() {
		t.Quiet("systemctl", "stop", l.unitName())
		if l.vt > 0 {
			t.Quiet("chvt", "7")
		}
	})
	t.Must("systemd-run", append(args, "sleep", "infinity")...)
	var found session
	t.Eventually("login of "+l.user, 60*time.Second, func() error {
		all, err := t.sessions()
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.User == l.user && !contains(before, s.ID) {
				found = s
				return nil
			}
		}
		return fmt.Errorf("no new session: %v", all)
	})
	return found
}

// contains says whether the session is one of these.
func contains(all []session, id string) bool {
	for _, s := range all {
		if s.ID == id {
			return true
		}
	}
	return false
}

// play lets dev play silence until the scenario is over or stopPlaying.
func (t *T) play() {
	t.Cleanup(t.stopPlaying)
	t.Must("systemd-run", "--quiet", "--user", "--machine=dev@.host", "--collect", "--unit=lab-play", "pw-play", t.silence())
	t.Eventually("a running playback node", 60*time.Second, func() error {
		r := t.pwDump()
		for line := range strings.Lines(r.out) {
			if strings.Contains(line, `"running"`) && strings.Contains(line, "Stream/Output/Audio") {
				return nil
			}
		}
		return fmt.Errorf("pw-dump: %s", r.all)
	})
}

// stopPlaying ends what play began.
func (t *T) stopPlaying() {
	t.Quiet("systemctl", "--user", "--machine=dev@.host", "stop", "lab-play.service")
}

// writeWave writes so many seconds of silence, 8 bit mono at 8 kHz.
func writeWave(path string, seconds int) error {
	const rate = 8000
	size := seconds * rate
	le := func(v, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(v >> (8 * i))
		}
		return string(b)
	}
	header := "RIFF" + le(size+36, 4) + "WAVEfmt " + le(16, 4) + le(1, 2) + le(1, 2) + le(rate, 4) + le(rate, 4) + le(1, 2) + le(8, 2) + "data" + le(size, 4)
	return os.WriteFile(path, []byte(header+strings.Repeat("\x80", size)), 0o644)
}
