package main

import (
	"fmt"
	"strings"
	"time"
)

// eyesSecondLogin: somebody else is logged in, over ssh, and plays with a
// PipeWire of their own.
func eyesSecondLogin(t *T) {
	t.says("audio-idle", passes)
	other := t.Login(login{user: "other", kind: "tty"})
	pid := t.otherPlays()
	t.Run("loginctl", "list-sessions", "--no-pager")
	v := t.says("audio-idle", denies, "audio-active", "other")
	if c := t.blames(v, pid); c.User != "other" {
		t.Errorf("the culprit is %+v", c)
	}
	if err := t.alive(other.ID); err != nil {
		t.Errorf("%v", err)
	}
	t.Quiet("systemctl", "stop", login{user: "other"}.unitName())
	t.otherLeaves()
}

// eyesLinger: the same without anybody being logged in.
func eyesLinger(t *T) {
	t.Cleanup(func() { t.Quiet("loginctl", "disable-linger", "other") })
	t.Must("loginctl", "enable-linger", "other")
	pid := t.otherPlays()
	all, err := t.sessions()
	t.must(err)
	for _, s := range all {
		if s.User == "other" {
			t.Errorf("other is logged in: %+v", s)
		}
	}
	v := t.says("audio-idle", denies, "audio-active", "other")
	if c := t.blames(v, pid); c.User != "other" {
		t.Errorf("the culprit is %+v", c)
	}
	t.Must("loginctl", "disable-linger", "other")
	t.otherLeaves()
}

// otherPlays lets other play, and gives the process.
func (t *T) otherPlays() int {
	file := t.silence()
	t.Eventually("other has PipeWire", 2*time.Minute, func() error {
		if r := t.userctl("other", "is-active", "pipewire.service", "moded-agent.service"); r.code != 0 {
			t.userctl("other", "start", "pipewire.service")
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	pid := t.asUnit("other", "lab-play", "pw-play", file)
	t.wantNode("other", "pw-play")
	return pid
}

// otherLeaves waits until nothing of other is left, and moded knows.
func (t *T) otherLeaves() {
	t.Eventually("other's manager is gone", 2*time.Minute, func() error { return t.wantUnit("user@1001.service", "inactive") })
	if v := t.says("audio-idle", passes); strings.Contains(v.raw, "other") {
		t.Errorf("other is still spoken of")
	}
}

// eyesCompositor: the compositor holds the card and goes with its session; a
// guard that is strict lets nobody hold it.
func eyesCompositor(t *T) {
	if holders := t.cardHolders(); !strings.Contains(strings.Join(holders, " "), "weston") {
		t.Errorf("weston does not hold the card: %v", holders)
	}
	t.Sh("fuser -v /dev/dri/card0; cat /sys/kernel/debug/dri/*/clients")
	v := t.says("gpu-free", uncounted, "weston", "will be closed")
	for _, c := range v.Culprits {
		if c.Comm == "systemd-logind" || c.PID == 1 {
			t.Errorf("%+v keeps the card for the session, and holds it for nobody", c)
		}
	}
	t.configure("[guards.gpu-free]\nstrict = true\n")
	t.says("gpu-free", denies, "gpu-held", "weston")
}

// uncounted is what the guard says when all goes well: virtio's driver keeps no
// count of its use, and the guard says so.
const uncounted = warns
