package tune

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modectl/moded/internal/atomicfile"
)

// save writes down what the knobs were, on disk before the first is turned.
func (m Machine) save(changes []change) error {
	raw, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteSynced(m.State, raw, 0o600); err != nil {
		return fmt.Errorf("cannot write down what the knobs were: %w", err)
	}
	return nil
}

// Restore puts back what Hold turned, newest first, and forgets it. It may be
// called any number of times, also when Hold never ran or died half-way.
func (m Machine) Restore() error {
	raw, err := os.ReadFile(m.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read what the knobs were: %w", err)
	}
	var changes []change
	if err := json.Unmarshal(raw, &changes); err != nil {
		// Kept for who mends it, and in nobody's way.
		return errors.Join(fmt.Errorf("cannot read what the knobs were: %w", err), os.Rename(m.State, m.State+".damaged"))
	}
	var problems []error
	for _, c := range slices.Backward(changes) {
		if !ours(c.Path) {
			problems = append(problems, fmt.Errorf("cannot put back %q: it is no knob of ours", c.Path))
			continue
		}
		if err := m.back(c); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	return os.Remove(m.State)
}

// ours tells whether Hold turns the knob at that path: the state file is root's
// alone, and is not believed all the same.
func ours(path string) bool {
	dir, file := filepath.Split(path)
	inPolicy, _ := filepath.Match(policies, strings.TrimSuffix(dir, "/")) // the pattern is a constant
	return path == swappiness || inPolicy && (file == governorFile || file == preferenceFile)
}
