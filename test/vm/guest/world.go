package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// session is what `loginctl list-sessions --json=short` says of one.
type session struct {
	ID    string `json:"session"`
	UID   int    `json:"uid"`
	User  string `json:"user"`
	Seat  string `json:"seat"`
	Class string `json:"class"`
}

// sessions asks loginctl for all logins of people; managers are not.
func (t *T) sessions() ([]session, error) {
	r := t.Quiet("loginctl", "list-sessions", "--json=short")
	if r.code != 0 {
		return nil, fmt.Errorf("loginctl: %s", r.all)
	}
	var all, people []session
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		return nil, fmt.Errorf("loginctl: %w: %s", err, r.out)
	}
	for _, s := range all {
		if !strings.HasPrefix(s.Class, "manager") {
			people = append(people, s)
		}
	}
	return people, nil
}

// seated gives the session of the user on seat0, if there is one.
func (t *T) seated(user string) (session, error) {
	all, err := t.sessions()
	if err != nil {
		return session{}, err
	}
	for _, s := range all {
		if s.User == user && s.Seat == "seat0" {
			return s, nil
		}
	}
	return session{}, fmt.Errorf("%s has no session on seat0 (%v)", user, all)
}

// alive says whether the session is still there and not closing.
func (t *T) alive(id string) error {
	r := t.Quiet("loginctl", "show-session", id, "-p", "State", "--value")
	if state := strings.TrimSpace(r.out); r.code != 0 || state == "closing" {
		return fmt.Errorf("session %s: %s", id, strings.TrimSpace(r.all))
	}
	return nil
}

// cardHolders walks all descriptors with fuser: who has the card open besides
// PID 1 and logind, which keep the descriptor for the session.
func (t *T) cardHolders() []string {
	r := t.Quiet("sh", "-c", `for p in $(fuser /dev/dri/card0 /dev/dri/renderD128 2>/dev/null); do c=$(cat /proc/$p/comm 2>/dev/null) && echo "$p $c"; done`)
	var out []string
	seen := map[string]bool{}
	for line := range strings.Lines(r.out) {
		pid, comm, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid == "1" || comm == "systemd-logind" || seen[pid] {
			continue
		}
		seen[pid] = true
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// unit gives one property of a system unit.
func (t *T) unit(name, property string) string {
	return strings.TrimSpace(t.Quiet("systemctl", "show", name, "-p", property, "--value").out)
}

// wantUnit says whether the unit's ActiveState is as wanted.
func (t *T) wantUnit(name, state string) error {
	if got := t.unit(name, "ActiveState"); got != state {
		return fmt.Errorf("%s is %s, want %s", name, got, state)
	}
	return nil
}

// audioProcesses lists everybody's processes that serve audio.
func (t *T) audioProcesses() string {
	return strings.TrimSpace(t.Quiet("pgrep", "-l", "-f", "^/usr/bin/(pipewire|pipewire-pulse|wireplumber|jackd)").out)
}

// pwDump asks dev's PipeWire for its nodes; it must run already, because
// asking would start it.
func (t *T) pwDump() result {
	if t.Quiet("pgrep", "-u", "dev", "-x", "pipewire").code != 0 {
		return result{all: "dev has no pipewire process", code: 1}
	}
	cmd := asUser("dev", `pw-dump | jq -c '.[] | select(.type=="PipeWire:Interface:Node") | [.id, .info.state, .info.props."node.name", .info.props."media.class"]'`)
	return capture(cmd)
}

// isDesktop says whether the machine is a desktop, by foreign tools: dev's
// compositor holds the card in an active session, and PipeWire has a sink.
func (t *T) isDesktop() error {
	s, err := t.seated("dev")
	if err != nil {
		return err
	}
	if state := strings.TrimSpace(t.Quiet("loginctl", "show-session", s.ID, "-p", "State", "--value").out); state != "active" {
		return fmt.Errorf("session %s is %s", s.ID, state)
	}
	for _, unit := range []string{"display-manager.service", "graphical.target"} {
		if err := t.wantUnit(unit, "active"); err != nil {
			return err
		}
	}
	if holders := t.cardHolders(); !strings.Contains(strings.Join(holders, " "), "weston") {
		return fmt.Errorf("weston does not hold the card: %v", holders)
	}
	if r := t.pwDump(); r.code != 0 || !strings.Contains(r.out, "Audio/Sink") {
		return fmt.Errorf("dev's PipeWire has no sink: %s", r.all)
	}
	return nil
}

// isHeadless says whether nobody sits at the machine, the card is free and
// audio is silent.
func (t *T) isHeadless() error {
	all, err := t.sessions()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Seat == "seat0" {
			return fmt.Errorf("session %s of %s is still there", s.ID, s.User)
		}
	}
	for _, unit := range []string{"display-manager.service", "graphical.target"} {
		if err := t.wantUnit(unit, "inactive"); err != nil {
			return err
		}
	}
	if holders := t.cardHolders(); len(holders) > 0 {
		return fmt.Errorf("the card is held: %v", holders)
	}
	if left := t.audioProcesses(); left != "" {
		return fmt.Errorf("audio runs: %s", left)
	}
	return nil
}

// isCompute is isHeadless, and the AI server serves with its environment.
func (t *T) isCompute() error {
	if err := t.isHeadless(); err != nil {
		return err
	}
	if err := t.wantUnit("ai.service", "active"); err != nil {
		return err
	}
	r := t.Quiet("curl", "-sS", "-m", "10", "http://127.0.0.1:8000/env")
	if !strings.Contains(r.out, `"CUDA_VISIBLE_DEVICES":"GPU-lab-0"`) {
		return fmt.Errorf("the AI server's environment: %s", r.all)
	}
	return nil
}

// show keeps the raw output of the foreign tools in the detail.
func (t *T) show(title string) {
	t.Logf("---- %s", title)
	t.Run("loginctl", "list-sessions", "--no-pager")
	t.Sh("fuser -v /dev/dri/card0 2>&1; cat /sys/kernel/debug/dri/*/clients")
	t.Run("systemctl", "show", "display-manager.service", "graphical.target", "ai.service", "moded.service", "moded-desktop.target",
		"moded-studio.target", "moded-compute.target", "-p", "Id,ActiveState,SubState,Result,ConditionResult")
	r := t.pwDump()
	t.Logf("pw-dump as dev  (exit %d)\n%s", r.code, clip(r.all))
	t.Sh("pgrep -a 'pipewire|wireplumber|weston'; systemctl show system.slice -p CPUWeight; cat /sys/fs/cgroup/system.slice/cpu.weight")
	t.Sh("curl -sS -m 10 http://127.0.0.1:8000/env")
}
