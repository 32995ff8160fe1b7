package tune

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// change is a knob that is turned, and what it was.
type change struct {
	Path string `json:"path"` // below the root
	Was  string `json:"was"`
	Set  string `json:"set"`
}

const (
	swappiness = "proc/sys/vm/swappiness"
	policies   = "sys/devices/system/cpu/cpufreq/policy*"
	// performance is a governor, and an energy preference.
	performance = "performance"
)

// The files of a policy, each with the file of what it takes.
const (
	governorFile   = "scaling_governor"
	governors      = "scaling_available_governors"
	preferenceFile = "energy_performance_preference"
	preferences    = "energy_performance_available_preferences"
)

// plan lists what must be turned, in the order of turning, and says what will
// then be so. What is of cpufreq is left to the daemon that owns it when that
// was asked.
func (m Machine) plan(o Order, profileHeld bool) (changes []change, words []string) {
	if was, err := m.get(swappiness); err == nil {
		if n, err := strconv.Atoi(was); err == nil && n > o.Swappiness {
			changes = append(changes, change{swappiness, was, strconv.Itoa(o.Swappiness)})
			was = strconv.Itoa(o.Swappiness)
		}
		words = append(words, "swappiness "+was)
	}
	if profileHeld {
		return changes, words
	}
	// The preference is first turned and last put back: under the governor
	// performance, drivers refuse to have it changed.
	preferring, preferred := m.policy(preferenceFile, preferences)
	governing, governed := m.policy(governorFile, governors)
	if governing == 0 {
		words = append(words, "no frequency scaling to turn")
	} else {
		words = append(words, fmt.Sprintf("governor %s (%d of cpufreq's policies)", performance, governing))
	}
	if preferring > 0 {
		words = append(words, fmt.Sprintf("energy preference %s (%d)", performance, preferring))
	}
	return slices.Concat(changes, preferred, governed), words
}

// policy returns how many policies can have performance in that file, and what of
// them must change.
func (m Machine) policy(file, offers string) (able int, changes []change) {
	dirs, _ := filepath.Glob(m.path(policies)) // the pattern is a constant
	slices.Sort(dirs)
	for _, dir := range dirs {
		dir, err := filepath.Rel(m.path(), dir)
		if err != nil {
			continue
		}
		available, _ := m.get(dir, offers)
		if !slices.Contains(strings.Fields(available), performance) {
			continue
		}
		able++
		path := filepath.Join(dir, file)
		if was, err := m.get(path); err == nil && was != performance {
			changes = append(changes, change{path, was, performance})
		}
	}
	return able, changes
}

// get reads a knob.
func (m Machine) get(elem ...string) (string, error) {
	raw, err := os.ReadFile(m.path(elem...))
	return strings.TrimSpace(string(raw)), err
}

// set turns a knob and reads it back: a kernel may take a value and keep
// another.
func (m Machine) set(path, value string) error {
	f, err := os.OpenFile(m.path(path), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("cannot turn a knob: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cannot turn a knob: %w", err)
	}
	if now, err := m.get(path); err != nil || now != value {
		return errors.Join(fmt.Errorf("cannot turn /%s to %s: it reads %q", path, value, now), err)
	}
	return nil
}

// back puts one knob back, unless somebody has turned it since or it is gone
// with its CPU.
func (m Machine) back(c change) error {
	now, err := m.get(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot read a knob: %w", err)
	case now != c.Set:
		return nil
	}
	return m.set(c.Path, c.Was)
}
