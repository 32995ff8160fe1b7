package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modectl/moded/internal/psi"
	"github.com/modectl/moded/pkg/actions"
)

// PressureUnit watches the kernel for short memory.
const PressureUnit = "moded-pressure.service"

// WatchPressure starts the unit, or stops it. A kernel that tells nothing, as
// Debian's do without psi=1, is errors.ErrUnsupported.
func (m *Manager) WatchPressure(ctx context.Context, on bool) error {
	if !on {
		_, err := m.Stop(ctx, PressureUnit)
		if errors.Is(err, actions.ErrNoUnit) {
			return nil
		}
		return err
	}
	result, err := m.Start(ctx, PressureUnit)
	if err != nil {
		return err
	}
	s, err := m.State(ctx, PressureUnit)
	switch {
	case err != nil:
		return err
	case s.Active == "active":
		return nil
	case !s.ConditionResult:
		return fmt.Errorf("this kernel tells no pressure; boot it with psi=1: %w", errors.ErrUnsupported)
	}
	return fmt.Errorf("%s is %s (%s); see journalctl -u %s", PressureUnit, s.Active, result, PressureUnit)
}

// Pressure reads what the unit says of memory.
func (m *Manager) Pressure(ctx context.Context) (bool, error) {
	unit, err := m.some(ctx, unitPath(PressureUnit), unitIface, "ActiveState")
	if err == nil && field[string](unit, "ActiveState") != "active" {
		err = fmt.Errorf("%s is %s; see journalctl -u %s", PressureUnit, field[string](unit, "ActiveState"), PressureUnit)
	}
	if err != nil {
		return false, err
	}
	service, err := m.some(ctx, unitPath(PressureUnit), serviceIface, "StatusText")
	return strings.HasPrefix(field[string](service, "StatusText"), psi.Short), err
}
