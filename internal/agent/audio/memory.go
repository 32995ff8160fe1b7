package audio

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/modectl/moded/internal/agent/pipewire"
	"github.com/modectl/moded/internal/atomicfile"
)

// Remembered is what the keeper must not forget when it is restarted: how the
// user's audio was before we touched it. It may die with the user's manager,
// and lives in its runtime directory.
type Remembered struct {
	// Stopped is true while the units are stopped by us; Active are those
	// that were up before.
	Stopped bool     `json:"stopped"`
	Active  []string `json:"active,omitempty"`
	// Forced is set while a quantum is forced by us.
	Forced *Forced `json:"forced,omitempty"`
}

// Forced is what we forced, and what was forced before.
type Forced struct {
	Is  Quantum `json:"is"`
	Was Quantum `json:"was"`
}

// Quantum is a forced quantum and rate, 0 for not forced.
type Quantum struct {
	Quantum uint32 `json:"quantum"`
	Rate    uint32 `json:"rate"`
}

func shown(s pipewire.Summary) Quantum { return Quantum{s.ForcedQuantum, s.ForcedRate} }

// Memory keeps a Remembered.
type Memory interface {
	// Load returns the zero value when there is nothing, or nothing readable.
	Load() Remembered
	Save(r Remembered) error
}

// File is a Memory at that path.
type File string

// Load reads the file.
func (f File) Load() Remembered {
	var r Remembered
	raw, err := os.ReadFile(string(f))
	if err != nil || json.Unmarshal(raw, &r) != nil {
		return Remembered{}
	}
	return r
}

// Save replaces the file.
func (f File) Save(r Remembered) error {
	if err := atomicfile.WriteJSON(string(f), r); err != nil {
		return fmt.Errorf("cannot remember the state of audio: %w", err)
	}
	return nil
}
