package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// captureScenarios write what this machine's PipeWire says to the share, for
// internal/agent/pipewire/testdata.
func captureScenarios() []scenario {
	return []scenario{{lab.Info{Name: "eyes-capture", Hidden: true, Expected: 2 * time.Minute}, []func(*T){capturePipeWire}}}
}

// capturePipeWire keeps one dump of each state that a guard tells apart, and
// the stream of changes that led there.
func capturePipeWire(t *T) {
	dir := at("pipewire")
	t.must(os.MkdirAll(dir, 0o755))
	dump := func(name string) {
		r := capture(asUser("dev", "pw-dump -N"))
		t.must(os.WriteFile(filepath.Join(dir, name+".json"), []byte(r.out), 0o644))
		time.Sleep(time.Second)
	}
	t.Sh("pipewire --version")
	monitor := asUser("dev", "pw-dump -m -N; echo exit $? >&2")
	out, err := os.Create(filepath.Join("/var/tmp", "monitor.stream.json"))
	t.must(err)
	monitor.Stdout, monitor.Stderr = out, os.Stderr
	t.must(monitor.Start())
	time.Sleep(10 * time.Second)
	dump("idle")
	t.asUnit("dev", "lab-play", "pw-play", t.silence())
	t.wantNode("dev", "pw-play")
	dump("native")
	t.asUnit("dev", "lab-pulse", "paplay", t.silence())
	t.wantNode("dev", "paplay")
	dump("native+pulse")
	t.endUnit("dev", "lab-play")
	t.endUnit("dev", "lab-pulse")
	t.asUnit("dev", "lab-jack", "pw-jack", "jack_metro", "-b", "60")
	t.wantNode("dev", "metro")
	dump("jack-unlinked")
	t.Eventually("the client is linked", time.Minute, func() error {
		r := t.devSh(`pw-link "$(pw-link -o | grep ^metro: | head -n1)" "$(pw-link -i | grep ':playback_' | head -n1)"; pw-link -l | grep metro`)
		if r.code != 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	dump("jack-linked")
	t.endUnit("dev", "lab-jack")
	t.asUnit("dev", "lab-record", "pw-record", "/var/tmp/lab-take.wav")
	t.wantNode("dev", "pw-record")
	dump("recording")
	t.endUnit("dev", "lab-record")
	t.asUnit("dev", "lab-cork", "/usr/lib/lab/cork")
	t.wantPaused("dev", "lab-cork")
	dump("corked")
	t.userctl("dev", "kill", "--signal=USR1", "lab-cork.service")
	t.wantNode("dev", "lab-cork")
	t.devSh("pw-metadata -n settings 0 clock.force-quantum 256; pw-metadata -n settings 0 clock.force-quantum 0")
	time.Sleep(2 * time.Second)
	t.must(syscall.Kill(t.mainPID("dev", "pipewire"), syscall.SIGKILL))
	err = monitor.Wait()
	t.Logf("pw-dump -m ended with %v", err)
	text, err := os.ReadFile(out.Name())
	t.must(err)
	t.must(os.WriteFile(filepath.Join(dir, "monitor.stream.json"), text, 0o644))
	if !strings.Contains(string(text), "lab-cork") {
		t.Errorf("the stream lacks the corked client")
	}
}
