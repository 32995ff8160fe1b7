package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// eyesScenarios are about what guards see. Each lets something real happen,
// shows it with a foreign tool, and compares what moded says of it.
func eyesScenarios() []scenario {
	return []scenario{
		long("eyes-native", 25, eyesNative),
		long("eyes-pulse", 25, eyesPulse),
		short("eyes-jack", 35, eyesJACK),
		long("eyes-recording", 30, eyesRecording),
		long("eyes-corked", 30, eyesCorked),
		long("eyes-pipewire-killed", 90, eyesPipeWireKilled),
		long("eyes-no-agent", 25, eyesNoAgent),
		long("eyes-jackd2", 60, eyesJackd2),
		long("eyes-alsa", 60, eyesALSA),
		short("eyes-second-login", 60, eyesSecondLogin),
		long("eyes-linger", 80, eyesLinger),
		long("eyes-compositor", 30, eyesCompositor),
		long("eyes-gl-busy", 45, eyesGLBusy),
		long("eyes-nvml-faults", 70, eyesNVMLFaults),
		long("eyes-inhibitor", 60, eyesInhibitor),
		long("eyes-compile", 60, eyesCompile),
		long("eyes-vim", 40, eyesVim),
		long("eyes-apt-lock", 60, eyesAptLock),
		long("eyes-hold", 60, eyesHold),
		long("eyes-reaper", 60, eyesReaper),
		long("eyes-vllm", 50, eyesVLLM),
		long("eyes-probe-at-rest", 60, eyesAtRest),
	}
}

// verdict is what one guard said, as `modectl guards --json` prints it.
type verdict struct {
	Guard    string    `json:"guard"`
	Outcome  string    `json:"outcome"`
	Code     string    `json:"code"`
	Summary  string    `json:"summary"`
	Remedy   string    `json:"remedy"`
	Culprits []culprit `json:"culprits"`

	raw string
}

type culprit struct {
	PID     int    `json:"pid"`
	Comm    string `json:"comm"`
	User    string `json:"user"`
	Unit    string `json:"unit"`
	Session string `json:"session"`
	Client  string `json:"client"`
	Detail  string `json:"detail"`
}

// The outcomes of a verdict.
const (
	passes  = "pass"
	warns   = "warn"
	denies  = "deny"
	unknown = "unknown"
)

// verdict asks all guards on the way to the mode and gives that guard's.
func (t *T) verdict(mode, guard string) (verdict, error) {
	r := t.Quiet("modectl", "guards", mode, "--json")
	var all []struct {
		Verdicts []json.RawMessage `json:"verdicts"`
	}
	if err := json.Unmarshal([]byte(r.out), &all); err != nil || len(all) != 1 {
		return verdict{}, fmt.Errorf("modectl guards: exit %d: %s", r.code, clip(r.all))
	}
	for _, raw := range all[0].Verdicts {
		var line bytes.Buffer
		_ = json.Compact(&line, raw)
		v := verdict{raw: line.String()}
		if err := json.Unmarshal(raw, &v); err != nil {
			return verdict{}, err
		}
		if v.Guard == guard {
			return v, nil
		}
	}
	return verdict{}, fmt.Errorf("no guard %s on the way to %s", guard, mode)
}

// says waits until a guard on the way to compute has that outcome and speaks
// of all the words, and keeps its verdict in the detail.
func (t *T) says(guard, outcome string, words ...string) verdict {
	return t.saysOf("compute", guard, outcome, words...)
}

// saysOf is says for the way to another mode.
func (t *T) saysOf(mode, guard, outcome string, words ...string) verdict {
	var v verdict
	t.Eventually(fmt.Sprintf("%s: %s %q", guard, outcome, words), settleLimit, func() error {
		var err error
		if v, err = t.verdict(mode, guard); err != nil {
			return err
		}
		missing := slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(v.raw, w) })
		if v.Outcome != outcome || missing {
			return fmt.Errorf("%s", v.raw)
		}
		return nil
	})
	t.Logf("%s", v.raw)
	return v
}

// blames finds the culprit with that process id.
func (t *T) blames(v verdict, pid int) culprit {
	i := slices.IndexFunc(v.Culprits, func(c culprit) bool { return c.PID == pid })
	if i < 0 {
		t.Errorf("%s does not name process %d: %s", v.Guard, pid, v.raw)
		return culprit{}
	}
	return v.Culprits[i]
}

// userctl runs systemctl for a user's manager.
func (t *T) userctl(user string, args ...string) result {
	return t.Quiet("systemctl", append([]string{"--user", "--machine=" + user + "@.host"}, args...)...)
}

// asUnit starts a program as a transient unit of the user, until the scenario
// is over or endUnit, and gives its process id.
func (t *T) asUnit(user, unit string, args ...string) int {
	t.Cleanup(func() { t.endUnit(user, unit) })
	t.Must("systemd-run", append([]string{"--quiet", "--user", "--machine=" + user + "@.host", "--collect", "--unit=" + unit}, args...)...)
	return t.mainPID(user, unit)
}

// mainPID asks for the main process of a user's unit.
func (t *T) mainPID(user, unit string) int {
	pid, _ := strconv.Atoi(strings.TrimSpace(t.userctl(user, "show", unit+".service", "-p", "MainPID", "--value").out))
	return pid
}

// endUnit ends what asUnit began.
func (t *T) endUnit(user, unit string) { t.userctl(user, "stop", unit+".service") }

// audioNode is a node of PipeWire's graph as pw-dump and jq have it.
type audioNode struct {
	ID     int    `json:"id"`
	State  string `json:"state"`
	Name   string `json:"name"`
	Class  string `json:"class"`
	Client int    `json:"client"`
}

// nodes asks a user's PipeWire, which must run: asking would start it.
func (t *T) nodes(user string) ([]audioNode, error) {
	if t.Quiet("pgrep", "-u", user, "-x", "pipewire").code != 0 {
		return nil, fmt.Errorf("%s has no pipewire process", user)
	}
	r := capture(asUser(user, `pw-dump | jq -c '[.[] | select(.type=="PipeWire:Interface:Node") | {id, state: .info.state, name: (.info.props."node.name"|tostring), class: .info.props."media.class", client: .info.props."client.id"}]'`))
	var all []audioNode
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		return nil, fmt.Errorf("pw-dump: %w: %s", err, clip(r.all))
	}
	return all, nil
}

// wantNode waits until pw-dump shows a node of the name that runs.
func (t *T) wantNode(user, name string) {
	t.Eventually(fmt.Sprintf("node %s of %s runs", name, user), time.Minute, func() error {
		all, err := t.nodes(user)
		if slices.ContainsFunc(all, func(n audioNode) bool { return strings.Contains(n.Name, name) && n.State == "running" }) {
			return nil
		}
		return fmt.Errorf("%v, %v", all, err)
	})
}

// silence writes the file that plays for twenty minutes.
func (t *T) silence() string {
	const path = "/var/tmp/lab.wav"
	if _, err := os.Stat(path); err != nil { // who plays it must not lose its end
		t.must(writeWave(path, 20*60))
	}
	return path
}

// configure adds to the configuration until the scenario is over.
func (t *T) configure(text string) {
	const path = "/etc/moded/moded.d/90-lab-eyes.toml"
	t.Cleanup(func() { t.Quiet("rm", "-f", path); t.Must("modectl", "reload") })
	t.must(writeFile(path, text))
	t.Must("modectl", "reload")
}
