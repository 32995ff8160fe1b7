package actions

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Cards tells what the drivers of GPUs are set to. It asks anew each time, which
// wakes a GPU that sleeps: who states a setting wants to know.
type Cards interface {
	// Settings returns the state of the GPU at a PCI address. Where there is
	// nobody to ask, the state is empty but for Without.
	Settings(ctx context.Context, pci string) (GPUState, error)
}

// Orders is how moded-gpu.service is told what to do, and what it says of it.
// Writes are atomic; what it says is no proof.
type Orders interface {
	WriteGPUOrder(o GPUOrder) error
	GPUReport() (GPUReport, error)
}

// GPUSettings are what a GPU's driver is told. A zero field is not stated.
type GPUSettings struct {
	// ComputeMode is default, exclusive-process or prohibited.
	ComputeMode string `json:"compute-mode,omitempty"`
	// PowerLimit is "250W", or "default" for the driver's own.
	PowerLimit  string `json:"power-limit,omitempty"`
	Persistence *bool  `json:"persistence,omitempty"`
	// MIG lists the profiles of the parts; "off" alone means a whole GPU, and
	// "on" alone one that has no parts yet.
	MIG []string `json:"mig,omitempty"`
}

// GPUState is what the driver of a GPU is set to. What the device does not have
// is empty; powers are in milliwatts.
type GPUState struct {
	ComputeMode                                  string
	PowerLimit, PowerDefault, PowerMin, PowerMax uint32
	Persistence                                  *bool
	// MIG is on or off, and MIGPending what it will be after the next reset.
	MIG, MIGPending string
	// Parts are the profiles of its MIG devices, and Profiles those that it can
	// have, where the driver tells.
	Parts, Profiles []string
	// Without says why nobody could be asked.
	Without string
}

// GPUOrder is what moded-gpu.service reads. ID tells its answers apart.
type GPUOrder struct {
	ID       string      `json:"id"`
	PCI      string      `json:"pci"`
	Settings GPUSettings `json:"settings"`
}

// GPUReport is what moded-gpu.service says of an order.
type GPUReport struct {
	ID       string       `json:"id"`
	Problems []GPUProblem `json:"problems,omitempty"`
}

// GPUProblem is why a setting was not set.
type GPUProblem struct {
	Setting string `json:"setting"`
	Problem string `json:"problem"`
}

// The names of settings, as modes state them.
const (
	computeMode = "compute-mode"
	powerLimit  = "power-limit"
	persistence = "persistence"
	mig         = "mig"
)

const (
	driverDefault = "default"
	tolerance     = 1000 // milliwatts: drivers round
)

func (s GPUSettings) empty() bool {
	return s.ComputeMode == "" && s.PowerLimit == "" && s.Persistence == nil && len(s.MIG) == 0
}

// differ names the settings that are not as stated. A device that does not have
// a knob has it where every driver leaves it.
func (s GPUSettings) differ(is GPUState) []string {
	var names []string
	add := func(name string, differs bool) {
		if differs {
			names = append(names, name)
		}
	}
	add(computeMode, s.ComputeMode != "" && s.ComputeMode != is.ComputeMode && (s.ComputeMode != driverDefault || is.ComputeMode != ""))
	add(powerLimit, s.PowerLimit != "" && !s.powered(is))
	add(persistence, s.Persistence != nil && *s.Persistence != (is.Persistence != nil && *is.Persistence))
	add(mig, s.repartitions(is))
	return names
}

func (s GPUSettings) powered(is GPUState) bool {
	want, err := Milliwatts(s.PowerLimit)
	if s.PowerLimit == driverDefault {
		want, err = is.PowerDefault, nil
	}
	return err == nil && math.Abs(float64(want)-float64(is.PowerLimit)) < tolerance
}

// repartitions tells whether the GPU's parts are others than stated.
func (s GPUSettings) repartitions(is GPUState) bool {
	switch {
	case len(s.MIG) == 0:
		return false
	case s.MIG[0] == "off":
		return is.MIG == "on" || is.MIGPending == "on"
	case s.MIG[0] == "on":
		return is.MIG != "on" || len(is.Parts) > 0
	}
	return is.MIG != "on" || !slices.Equal(slices.Sorted(slices.Values(s.MIG)), slices.Sorted(slices.Values(is.Parts)))
}

// spoken is what people call the settings.
var spoken = map[string]string{computeMode: "compute mode", powerLimit: "power limit", persistence: "persistence", mig: "MIG"}

// told says of each setting that differs what it is.
func (s GPUSettings) told(is GPUState) (list []string) {
	for _, name := range s.differ(is) {
		now := map[string]string{
			computeMode: is.ComputeMode, powerLimit: Watts(is.PowerLimit), persistence: "off", mig: strings.TrimSpace(is.MIG + " " + strings.Join(is.Parts, " ")),
		}[name]
		if name == persistence && is.Persistence != nil && *is.Persistence {
			now = "on"
		}
		if name == mig && is.MIGPending != is.MIG {
			now += ", and will be " + is.MIGPending + " after a reset"
		}
		list = append(list, strings.TrimSpace(spoken[name]+" is "+now))
	}
	return list
}

// was keeps what is to be put back of the settings that s states.
func (s GPUSettings) was(is GPUState) (old GPUSettings) {
	if s.ComputeMode != "" {
		old.ComputeMode = is.ComputeMode
	}
	if s.PowerLimit != "" && is.PowerLimit > 0 {
		old.PowerLimit = Watts(is.PowerLimit)
	}
	if s.Persistence != nil {
		old.Persistence = is.Persistence
	}
	switch {
	case len(s.MIG) == 0 || is.MIG == "":
	case is.MIG == "off":
		old.MIG = []string{"off"}
	case len(is.Parts) == 0:
		old.MIG = []string{"on"}
	default:
		old.MIG = is.Parts
	}
	return old
}

// impossible says why the device cannot be set so, or "".
func (s GPUSettings) impossible(is GPUState) string {
	differs := s.differ(is)
	reason := ""
	if is.Without != "" {
		reason = ": " + is.Without
	}
	no := func(what string) string { return "it has no " + what + reason }
	watts, err := Milliwatts(s.PowerLimit)
	switch {
	case slices.Contains(differs, computeMode) && is.ComputeMode == "" && is.MIG != "on":
		return no(spoken[computeMode])
	case !slices.Contains(differs, powerLimit):
	case is.PowerLimit == 0:
		return no(spoken[powerLimit])
	case s.PowerLimit == driverDefault:
	case err != nil:
		return err.Error()
	case is.PowerMax > 0 && (watts < is.PowerMin || watts > is.PowerMax):
		return fmt.Sprintf("its power limit can be from %s to %s, not %s", Watts(is.PowerMin), Watts(is.PowerMax), s.PowerLimit)
	}
	switch {
	case slices.Contains(differs, persistence) && is.Persistence == nil:
		return no("persistence mode")
	case slices.Contains(differs, mig):
		return s.unpartitionable(is, no)
	}
	return ""
}

func (s GPUSettings) unpartitionable(is GPUState, no func(string) string) string {
	if is.MIG == "" {
		return no(spoken[mig])
	}
	for _, p := range is.Parts {
		if strings.Contains(p, "c.") {
			return fmt.Sprintf("somebody has made the compute instance %s, which could not be put back: remove it with nvidia-smi mig -dci", p)
		}
	}
	if s.MIG[0] == "off" || s.MIG[0] == "on" || len(is.Profiles) == 0 {
		return ""
	}
	for _, p := range s.MIG {
		if !slices.Contains(is.Profiles, p) {
			return fmt.Sprintf("it has no MIG profile %s; there are %s", p, strings.Join(is.Profiles, ", "))
		}
	}
	return ""
}

// words lists what is stated, for people.
func (s GPUSettings) words() []string {
	var list []string
	if s.ComputeMode != "" {
		list = append(list, spoken[computeMode]+" "+s.ComputeMode)
	}
	if s.PowerLimit != "" {
		list = append(list, spoken[powerLimit]+" "+s.PowerLimit)
	}
	if s.Persistence != nil {
		list = append(list, spoken[persistence]+" "+map[bool]string{true: "on", false: "off"}[*s.Persistence])
	}
	if len(s.MIG) > 0 {
		list = append(list, spoken[mig]+" "+strings.Join(s.MIG, ", "))
	}
	return list
}

// Milliwatts reads a power such as "250W".
func Milliwatts(text string) (uint32, error) {
	number, ok := strings.CutSuffix(text, "W")
	watts, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(watts > 0 && watts < 1e6) {
		return 0, fmt.Errorf("%q is not a power such as \"250W\"", text)
	}
	return uint32(math.Round(watts * 1000)), nil
}

// Watts writes a power in milliwatts as Milliwatts reads it.
func Watts(milliwatts uint32) string {
	return strconv.FormatFloat(float64(milliwatts)/1000, 'f', -1, 64) + "W"
}
