package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// audio is the kind audio: a standing order to the users' agents. It holds for
// those who are logged in and for those who come, so it is given even when
// there is nobody.
type audio struct {
	agents Agents
	timing Timing
}

type audioValue struct {
	State   string `json:"state"` // on, realtime, off
	Quantum uint32 `json:"quantum,omitempty"`
	Rate    uint32 `json:"rate,omitempty"`
}

// audioOn is what agents do when nobody orders anything.
var audioOn = fsm.NewValue(audioValue{State: "on"})

func decodeAudio(want fsm.Value) (v audioValue, err error) {
	if err := want.Decode(&v); err != nil {
		return v, err
	}
	if !slices.Contains([]string{"on", "realtime", "off"}, v.State) {
		return v, fmt.Errorf("audio is on, realtime or off, not %q", v.State)
	}
	return v, nil
}

// Rest is off; between on and realtime there is none.
func (a audio) Rest(_ string, want fsm.Value) fsm.Value {
	if v, err := decodeAudio(want); err != nil || v.State == "off" {
		return want
	}
	return ""
}

// Bound is how long agents may take.
func (a audio) Bound(string, fsm.Value) time.Duration { return a.timing.Audio + slack }

// Describe names the order.
func (a audio) Describe(_ string, want fsm.Value, _ bool) (summary string, details []string) {
	v, _ := decodeAudio(want) // a broken value is told by Do
	switch v.State {
	case "off":
		return "stop audio of all users", nil
	case "realtime":
		if v.Quantum != 0 {
			details = append(details, fmt.Sprintf("quantum %d", v.Quantum))
		}
		if v.Rate != 0 {
			details = append(details, fmt.Sprintf("rate %d", v.Rate))
		}
		return "audio in real time", details
	default:
		return "audio on", nil
	}
}

func (a audio) order() standing {
	return standing{agents: a.agents, timing: a.timing, kind: "audio", name: "audio", long: "audio", patience: a.timing.Audio}
}

// Capture keeps the standing order.
func (a audio) Capture(context.Context, string, fsm.Value) (fsm.Snapshot, error) {
	return a.order().capture(), nil
}

// Do gives the order and waits until it is followed. Where it stands already and
// is not followed, it is given once more: agents do not fight what their user
// did, unless they are told to.
func (a audio) Do(ctx context.Context, _ string, want fsm.Value) error {
	if _, err := decodeAudio(want); err != nil {
		return err
	}
	stands := a.agents.Standing("audio") == want
	if stands {
		left, err := a.disobedient(ctx, want)
		stands = err == nil && len(left) == 0
	}
	if !stands {
		a.agents.Order("audio", want)
	}
	return a.order().obeyed(ctx, a.insisting(ctx, want))
}

// Undo gives the order of before again.
func (a audio) Undo(ctx context.Context, _ string, was fsm.Snapshot) error {
	order, stood, err := before(was, audioOn)
	if err == nil {
		_, err = decodeAudio(order)
	}
	if err != nil {
		return err
	}
	return a.order().back(ctx, order, stood, a.insisting(ctx, order))
}

// Settled tells whether the order stands and everybody follows it. With nobody
// there, everybody does.
func (a audio) Settled(ctx context.Context, _ string, want fsm.Value) (bool, error) {
	if _, err := decodeAudio(want); err != nil {
		return false, err
	}
	if a.standing() != want {
		return false, nil
	}
	left, err := a.disobedient(ctx, want)
	return err == nil && len(left) == 0, err
}

// Tell names the users whose audio is other than ordered, and in what.
func (a audio) Tell(ctx context.Context, _ string, want fsm.Value) (string, error) {
	left, err := a.disobedient(ctx, want)
	return strings.Join(left, ", "), err
}

// standing is the present order; no order at all is audio on.
func (a audio) standing() fsm.Value {
	if v := a.agents.Standing("audio"); v != "" {
		return v
	}
	return audioOn
}

// insisting is deviants while they are told to follow.
func (a audio) insisting(ctx context.Context, want fsm.Value) func() ([]string, error) {
	return func() ([]string, error) {
		return a.deviants(ctx, want, func(uid uint32) (string, error) { return a.order().insist(ctx, uid, want, silent) })
	}
}

// disobedient is deviants at a mere look, which lets silence pass: the order
// stands, and was insisted on when it was given.
func (a audio) disobedient(ctx context.Context, want fsm.Value) (left []string, err error) {
	return a.deviants(ctx, want, func(uint32) (string, error) { return "", nil })
}

// deviants names the agents that do not conform and, where audio shall be off,
// the users whose audio runs without an agent. It calls ask for an agent whose
// audio is silent and should not be.
func (a audio) deviants(ctx context.Context, want fsm.Value, ask func(uid uint32) (why string, err error)) (left []string, err error) {
	v, err := decodeAudio(want)
	if err != nil {
		return nil, err
	}
	registered := a.agents.Registered()
	left, err = a.order().each(ctx, func(uid uint32) (string, error) {
		why, err := a.conforms(ctx, uid, v)
		if err == nil && why == silent {
			return ask(uid)
		}
		return why, err
	})
	if err != nil || v.State != "off" || len(left) > 0 {
		return left, err // to look for servers is a walk through all processes
	}
	servers, err := a.agents.AudioServers(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot see audio servers: %w", err)
	}
	for _, uid := range servers {
		if !slices.Contains(registered, uid) {
			left = append(left, fmt.Sprintf("uid %d: audio runs without moded-agent", uid))
		}
	}
	return left, nil
}

// silent is an audio that is off while it should not be. Only the agent can
// tell whether it was stopped and has to come back, or whether its user has no
// PipeWire at all.
const silent = "audio is off"

// conforms says in what an agent's audio differs from the order.
func (a audio) conforms(ctx context.Context, uid uint32, want audioValue) (string, error) {
	raw, err := a.agents.Capture(ctx, uid, "audio")
	if err != nil {
		return "", err
	}
	var have struct {
		audioValue
		PipeWire string `json:"pipewire"`
		Measured uint32 `json:"measured"`
	}
	if err := json.Unmarshal([]byte(raw), &have); err != nil {
		return "", fmt.Errorf("cannot read its answer: %w", err)
	}
	idle := have.PipeWire == "inactive" // to be started by its socket; the order waits for it
	switch {
	case want.State == "off" && have.State != "off":
		return "audio is " + have.State, nil
	case want.State == "off":
		return "", nil
	case have.State == "off":
		return silent, nil
	case idle:
		return "", nil
	case want.State == "on" && have.State != "on":
		return "audio is " + have.State, nil
	case want.State == "realtime" && want.Quantum != 0 && have.Quantum != want.Quantum:
		return fmt.Sprintf("quantum is %d", have.Quantum), nil
	case want.State == "realtime" && want.Rate != 0 && have.Rate != want.Rate:
		return fmt.Sprintf("rate is %d", have.Rate), nil
	case want.State == "realtime" && want.Quantum != 0 && have.Measured != 0 && have.Measured != want.Quantum:
		return fmt.Sprintf("the graph runs with a quantum of %d", have.Measured), nil
	}
	return "", nil
}
