package probe

import (
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/pkg/facts"
)

// Protocol is what both sides must agree on. Its number also changes with every
// change of the facts in an Answer.
var Protocol = helper.Protocol{Name: "moded-probe", Number: 3, MaxQuestion: 64 << 10, MaxAnswer: 4 << 20}

// Question names the parts that are asked for. The zero Question asks nothing.
type Question struct {
	Load   bool `json:"load,omitempty"`
	Memory bool `json:"memory,omitempty"`
	// Audio asks which users run an audio server, with jackd's clients; Sound
	// who uses a sound card without one.
	Audio bool `json:"audio,omitempty"`
	Sound bool `json:"sound,omitempty"`
	// Processes are names of programs to look for.
	Processes []string `json:"processes,omitempty"`
	// GPUs asks for the devices with their holders; Usage also for how busy
	// they are, which takes two looks 200 ms apart; NVML to ask NVIDIA's
	// library, over the last Window, which may take ten seconds.
	GPUs   bool          `json:"gpus,omitempty"`
	Usage  bool          `json:"usage,omitempty"`
	NVML   bool          `json:"nvml,omitempty"`
	Window time.Duration `json:"window,omitempty"`
	// Settings are PCI addresses of GPUs whose driver is asked what they are set
	// to, which wakes them.
	Settings []string `json:"settings,omitempty"`
	// Jobs asks what people's processes are doing, which takes two looks 200 ms
	// apart; Power where the current comes from.
	Jobs  bool `json:"jobs,omitempty"`
	Power bool `json:"power,omitempty"`
	// Patient is set when a decision hangs on the answer: each part may then
	// take longer before it is given up as unknown.
	Patient bool `json:"patient,omitempty"`
}

// Answer has the parts that were asked for; each may be unknown on its own.
type Answer struct {
	Load    *facts.Load      `json:"load,omitempty"`
	Memory  *facts.Memory    `json:"memory,omitempty"`
	Process *facts.Processes `json:"process,omitempty"`
	GPUs    *facts.GPUs      `json:"gpus,omitempty"`
	Jobs    *facts.Jobs      `json:"jobs,omitempty"`
	Power   *facts.Power     `json:"power,omitempty"`
	// Settings are by the addresses of the question.
	Settings map[string]facts.GPUSettings `json:"settings,omitempty"`
}
