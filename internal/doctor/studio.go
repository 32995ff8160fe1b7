package doctor

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// StudioOf reads what a mode sets; realtime is false for a mode that is not about
// realtime audio. It decodes what it knows, and leaves out the rest: whether a
// value is good was decided when it was read.
func StudioOf(m fsm.Mode) (s Studio, realtime bool) {
	s.Mode = m.Name
	for _, setting := range m.Settings {
		var v struct {
			State         string `json:"state"`
			Quantum, Rate uint32
			Owner, Target string
			CPUWeight     uint64 `json:"cpu-weight"`
			AllowedCPUs   string `json:"allowed-cpus"`
		}
		_ = json.Unmarshal([]byte(setting.Value), &v) // what is of another shape says nothing here
		switch setting.Kind {
		case "audio":
			realtime = v.State == "realtime"
			s.Quantum, s.Rate = v.Quantum, v.Rate
			s.add(v.Quantum != 0, "quantum %d", v.Quantum)
			s.add(v.Rate != 0, "rate %d", v.Rate)
		case "tune":
			s.Tuned = v.State == "low-latency"
			s.add(s.Tuned, "governor, energy preference, wake-up latency and swappiness")
		case "slices", "user-slices":
			where := strings.TrimSuffix(setting.Key, ".slice")
			if setting.Kind == "user-slices" {
				where += " of users"
			}
			s.add(v.CPUWeight != 0, "weight %d for %s", v.CPUWeight, where)
			s.add(v.AllowedCPUs != "", "CPUs %s for %s", v.AllowedCPUs, where)
		case "units":
			s.add(v.State != "", "%s %s", setting.Key, v.State)
		case "vllm", "k3s":
			s.add(v.State != "", "%s %s", strings.TrimSpace(setting.Kind+" "+setting.Key), v.State)
		case "gpus":
			s.add(v.Owner != "", "%s for %s", setting.Key, v.Owner)
		}
	}
	return s, realtime
}

func (s *Studio) add(said bool, format string, args ...any) {
	if said {
		s.Sets = append(s.Sets, fmt.Sprintf(format, args...))
	}
}
