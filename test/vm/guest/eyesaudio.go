package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// eyesNative: a program that plays through PipeWire's own protocol, which does
// not name itself on its node.
func eyesNative(t *T) {
	t.says("audio-idle", passes)
	pid := t.asUnit("dev", "lab-play", "pw-play", t.silence())
	t.wantNode("dev", "pw-play")
	v := t.says("audio-idle", denies, "audio-active", "pw-cat")
	if c := t.blames(v, pid); c.User != "dev" || c.Detail != "playing" {
		t.Errorf("the culprit is %+v", c)
	}
	t.endUnit("dev", "lab-play")
	t.says("audio-idle", passes)
}

// eyesPulse: a program that plays through the PulseAudio protocol is named
// itself, not the server that speaks for it.
func eyesPulse(t *T) {
	pid := t.asUnit("dev", "lab-play", "paplay", t.silence())
	t.wantNode("dev", "paplay")
	v := t.says("audio-idle", denies, "audio-active", "paplay")
	if c := t.blames(v, pid); c.User != "dev" || c.Client != "paplay" {
		t.Errorf("the culprit is %+v", c)
	}
	server := t.Run("pgrep", "-u", "dev", "-x", "pipewire-pulse")
	for _, c := range v.Culprits {
		if fmt.Sprint(c.PID) == strings.TrimSpace(server.out) {
			t.Errorf("the server is named: %+v", c)
		}
	}
	t.endUnit("dev", "lab-play")
	t.says("audio-idle", passes)
}

// eyesJACK: a JACK client denies by being there, linked to nothing or playing:
// it has no media class, and nothing else of the graph need run.
func eyesJACK(t *T) {
	t.says("audio-idle", passes)
	pid := t.asUnit("dev", "lab-jack", "pw-jack", "jack_metro", "-b", "60")
	t.wantNode("dev", "metro")
	if r := t.devSh("pw-link -l | grep metro"); r.code == 0 {
		t.Errorf("the client is linked")
	}
	v := t.says("audio-idle", denies, "audio-active", "metro")
	if c := t.blames(v, pid); c.User != "dev" || c.Client != "metro" || c.Detail != "JACK client" {
		t.Errorf("the culprit is %+v", c)
	}
	t.Eventually("the client is linked to the sink", time.Minute, func() error {
		r := t.devSh(`pw-link "$(pw-link -o | grep ^metro: | head -n1)" "$(pw-link -i | grep ':playback_' | head -n1)"; pw-link -l | grep metro`)
		if r.code != 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.blames(t.says("audio-idle", denies, "audio-active", "metro"), pid)
	t.endUnit("dev", "lab-jack")
	t.says("audio-idle", passes)
}

// devSh runs a line as dev and keeps its output.
func (t *T) devSh(line string) result {
	t.Logf("# as dev:")
	return t.Exec(asUser("dev", line))
}

// eyesRecording: who records comes first, whoever else plays.
func eyesRecording(t *T) {
	t.asUnit("dev", "lab-play", "pw-play", t.silence())
	pid := t.asUnit("dev", "lab-record", "pw-record", "/var/tmp/lab-take.wav")
	t.Cleanup(func() { t.Quiet("rm", "-f", "/var/tmp/lab-take.wav") })
	t.wantNode("dev", "pw-play")
	t.wantNode("dev", "pw-record")
	v := t.says("audio-idle", denies, "audio-active", "is recording", "playing")
	if v.Culprits[0].PID != pid || v.Culprits[0].Detail != "recording" {
		t.Errorf("the first culprit is %+v, not process %d", v.Culprits[0], pid)
	}
	t.endUnit("dev", "lab-record")
	t.endUnit("dev", "lab-play")
	t.says("audio-idle", passes)
}

// eyesCorked: a paused stream is there, and does not run.
func eyesCorked(t *T) {
	t.asUnit("dev", "lab-cork", "/usr/lib/lab/cork")
	n := t.wantPaused("dev", "lab-cork")
	t.Logf("the stream's node is %+v", n)
	v := t.says("audio-idle", passes)
	if len(v.Culprits) > 0 {
		t.Errorf("a paused stream is a culprit: %s", v.raw)
	}
	if all, err := t.nodes("dev"); err != nil || !strings.Contains(fmt.Sprint(all), "lab-cork") {
		t.Errorf("the stream is gone: %v, %v", all, err)
	}
	t.userctl("dev", "kill", "--signal=USR1", "lab-cork.service")
	t.wantNode("dev", "lab-cork")
	t.says("audio-idle", denies, "audio-active", "lab-cork")
}

// wantPaused waits for a stream that is there and does not run.
func (t *T) wantPaused(user, name string) audioNode {
	var found audioNode
	t.Eventually("a paused stream "+name, time.Minute, func() error {
		all, err := t.nodes(user)
		for _, n := range all {
			if strings.Contains(n.Name, name) && n.Class == "Stream/Output/Audio" && n.State != "running" && n.State != "creating" {
				found = n
				return nil
			}
		}
		return fmt.Errorf("%v, %v", all, err)
	})
	return found
}

// eyesPipeWireKilled: PipeWire dies and comes back under a program that plays
// on. At no time while it plays says the guard that nobody does. A PipeWire
// that the user stopped stays so, however often it is asked for.
func eyesPipeWireKilled(t *T) {
	t.asUnit("dev", "lab-play", "-p", "Restart=always", "-p", "RestartSec=100ms", "-p", "StartLimitIntervalSec=0", "pw-play", t.silence())
	t.wantNode("dev", "pw-play")
	t.says("audio-idle", denies, "audio-active")
	old := t.mainPID("dev", "pipewire")
	t.must(syscall.Kill(old, syscall.SIGKILL))
	before := t.playing()
	seen := map[string]int{}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		v, err := t.verdict("compute", "audio-idle")
		t.must(err)
		seen[v.Outcome]++
		after := t.playing()
		if v.Outcome == passes && before != "" && before == after {
			t.Errorf("pass while pw-play runs in PipeWire %s: %s", after, v.raw)
		}
		before = after
	}
	t.Logf("verdicts after the kill: %v", seen)
	if now := t.mainPID("dev", "pipewire"); now == old || now == 0 {
		t.Errorf("pipewire was %d and is %d", old, now)
	}
	t.wantNode("dev", "pw-play")
	t.says("audio-idle", denies, "audio-active", "pw-cat")
	t.endUnit("dev", "lab-play")
	t.says("audio-idle", passes)
	t.stayStopped()
}

// playing names the PipeWire process in which pw-play's node runs, if any.
func (t *T) playing() string {
	server := strings.TrimSpace(t.Quiet("pgrep", "-u", "dev", "-x", "pipewire").out)
	all, err := t.nodes("dev")
	if err != nil || server == "" {
		return ""
	}
	for _, n := range all {
		if strings.Contains(n.Name, "pw-play") && n.State == "running" {
			return server
		}
	}
	return ""
}

// stayStopped stops PipeWire and leaves its socket open, which would start it
// for whoever connects.
func (t *T) stayStopped() {
	t.Cleanup(func() { t.userctl("dev", "start", "pipewire.service", "wireplumber.service", "pipewire-pulse.socket") })
	t.userctl("dev", "stop", "pipewire-pulse.socket", "pipewire-pulse.service", "wireplumber.service", "pipewire.service")
	if r := t.userctl("dev", "is-active", "pipewire.socket"); strings.TrimSpace(r.out) != "active" {
		t.Errorf("pipewire.socket is %s", r.all)
	}
	for range 10 {
		v, err := t.verdict("compute", "audio-idle")
		t.must(err)
		if v.Outcome != passes {
			t.Logf("PipeWire is stopped: %s", v.raw)
		}
	}
	t.says("audio-idle", passes)
	if r := t.Run("pgrep", "-a", "-u", "dev", "-x", "pipewire"); r.code == 0 {
		t.Errorf("PipeWire was started")
	}
	if r := t.userctl("dev", "is-active", "pipewire.service"); strings.TrimSpace(r.out) == "active" {
		t.Errorf("pipewire.service is active")
	}
}

// eyesNoAgent: PipeWire runs and nobody speaks for it.
func eyesNoAgent(t *T) {
	t.Cleanup(func() { t.userctl("dev", "start", "moded-agent.service") })
	t.userctl("dev", "stop", "moded-agent.service")
	t.Run("pgrep", "-a", "-u", "dev", "pipewire")
	v := t.says("audio-idle", unknown, "audio-unknown", "dev")
	if !strings.Contains(v.Remedy, "systemctl --user start moded-agent") {
		t.Errorf("the remedy is %q", v.Remedy)
	}
	if r := t.Run("modectl", "guards", "compute"); r.code != 3 {
		t.Errorf("exit %d, want 3", r.code)
	}
	t.userctl("dev", "start", "moded-agent.service")
	t.says("audio-idle", passes)
}

// eyesJackd2: a JACK server of its own, without PipeWire. Its clients show in
// /dev/shm; what stays there after it is no sign of life.
func eyesJackd2(t *T) {
	t.Cleanup(func() {
		t.userctl("dev", "start", "pipewire.socket", "pipewire.service", "wireplumber.service", "pipewire-pulse.socket")
	})
	t.userctl("dev", "stop", "pipewire-pulse.socket", "pipewire-pulse.service", "wireplumber.service", "pipewire.socket", "pipewire.service")
	t.asUnit("dev", "lab-jackd", "jackd", "--no-realtime", "-d", "dummy")
	t.Eventually("jackd is up", time.Minute, func() error {
		if r := capture(asUser("dev", "jack_lsp")); r.code != 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.says("audio-idle", passes)
	t.asUnit("dev", "lab-jack", "jack_metro", "-b", "60")
	t.Eventually("the client is there", time.Minute, func() error {
		if r := capture(asUser("dev", "jack_lsp")); !strings.Contains(r.out, "metro") {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	t.Sh("ls -l /dev/shm")
	t.says("audio-idle", denies, "audio-active", "metro", "JACK client", `"dev"`)
	t.endUnit("dev", "lab-jack")
	t.says("audio-idle", passes)
	t.asUnit("dev", "lab-jack", "jack_metro", "-b", "60")
	t.says("audio-idle", denies, "metro")
	t.endUnit("dev", "lab-jackd")
	t.endUnit("dev", "lab-jack")
	if r := t.Run("ls", "-l", "/dev/shm"); !strings.Contains(r.out, "jack-shm-registry") {
		t.Errorf("no registry is left: nothing is shown")
	}
	t.says("audio-idle", passes)
}
