package tune

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Machine is the one whose knobs are turned.
type Machine struct {
	// Root is where /proc, /sys and /dev are; "/" but in tests.
	Root string
	// State is the file that keeps what the knobs were.
	State string
	// Profiles holds a power profile where a daemon owns the governors; nil
	// where nobody can be asked.
	Profiles Profiles
}

// Profiles is a daemon that owns the governors, as power-profiles-daemon.
type Profiles interface {
	// Hold asks for the profile "performance" until the process ends; false
	// when no such daemon runs.
	Hold(ctx context.Context) (bool, error)
}

// Order is what is wanted.
type Order struct {
	// Latency is the longest wake-up from an idle state, in µs. 0 forbids all
	// idle states, at the price of much heat.
	Latency int32
	// Swappiness is vm.swappiness, lowered to this; a lower one stays.
	Swappiness int
}

// Hold turns the knobs, says so by ready, and holds them until ctx ends. It does
// not put them back: Restore does, whatever the end. On an error some knobs may
// have been turned.
func (m Machine) Hold(ctx context.Context, o Order, ready func(status string) error) error {
	if err := m.Restore(); err != nil { // of a life before, which was not restored
		return err
	}
	held, err := m.hold(ctx)
	said := []string{"power profile performance held"}
	if !held {
		said = nil
	}
	if err != nil {
		said = append(said, err.Error())
	}
	changes, words := m.plan(o, held)
	if err := m.save(changes); err != nil {
		return err
	}
	for _, c := range changes {
		if err := m.set(c.Path, c.Set); err != nil {
			return err
		}
	}
	latency, err := m.latency(o.Latency)
	switch {
	case errors.Is(err, os.ErrNotExist):
		words = append(words, "this kernel takes no latency requests")
	case err != nil:
		return err
	default:
		defer latency.Close()
		words = append(words, fmt.Sprintf("wake-up within %d µs", o.Latency))
	}
	if err := ready(strings.Join(append(said, words...), ", ")); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (m Machine) hold(ctx context.Context) (bool, error) {
	if m.Profiles == nil {
		return false, nil
	}
	held, err := m.Profiles.Hold(ctx)
	if err != nil {
		return false, fmt.Errorf("cannot hold a power profile: %w", err)
	}
	return held, nil
}

// latency writes the request, which lasts as long as the file is open. See the
// kernel's Documentation/power/pm_qos_interface.rst.
func (m Machine) latency(us int32) (*os.File, error) {
	f, err := os.OpenFile(m.path("dev/cpu_dma_latency"), os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for short wake-ups: %w", err)
	}
	if err := binary.Write(f, binary.NativeEndian, us); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot ask for short wake-ups: %w", err), f.Close())
	}
	return f, nil
}

func (m Machine) path(elem ...string) string {
	return filepath.Join(append([]string{m.Root}, elem...)...)
}
