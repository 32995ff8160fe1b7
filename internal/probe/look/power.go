package look

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/modectl/moded/pkg/facts"
)

// supply is one of /sys/class/power_supply, see the kernel's
// Documentation/ABI/testing/sysfs-class-power.
type supply struct {
	name, kind, status string
	online             bool
	// now and full are its charge, in whatever unit it has.
	now, full float64
	problem   error
}

// power tells whether the machine is plugged in, and how full its batteries are.
// Those of mice and headsets are nobody's current.
func (m *Machine) power() (facts.Power, error) {
	names, err := m.list("sys/class/power_supply")
	if err != nil {
		return facts.Power{Battery: -1}, fmt.Errorf("cannot list power supplies: %w", err)
	}
	var list []supply
	for _, name := range names {
		if s, ok := m.supply(name); ok {
			list = append(list, s)
		}
	}
	return sum(list)
}

// supply reads one; false when it is not the machine's, or not there.
func (m *Machine) supply(name string) (supply, bool) {
	value := func(file string) string { return m.value("sys/class/power_supply", name, file) }
	s := supply{name: facts.Clean(name), kind: value("type"), status: value("status")}
	if value("scope") == "Device" || value("present") == "0" {
		return s, false
	}
	switch s.kind {
	case "Battery", "UPS":
		s.now, s.full, s.problem = charge(value)
	case "Mains", "USB", "Wireless", "BrickID":
		online := value("online")
		n, err := strconv.ParseUint(online, 10, 8)
		s.online = n > 0
		if err != nil {
			s.problem = fmt.Errorf("%s does not say whether it is plugged in", s.name)
		}
	default:
		return s, false
	}
	if s.kind == "UPS" && s.problem != nil && s.status == "" {
		return s, false // it tells nothing at all
	}
	if s.problem != nil && s.kind == "Battery" {
		s.problem = fmt.Errorf("%s does not say how full it is", s.name)
	}
	return s, true
}

// charge reads how full a battery is: in energy, else in charge, else in percent.
func charge(value func(file string) string) (now, full float64, err error) {
	for _, unit := range []string{"energy", "charge"} {
		now, full = watts(value(unit+"_now")), watts(value(unit+"_full"))
		if now >= 0 && full > 0 {
			return min(now, full), full, nil
		}
	}
	if now = watts(value("capacity")); now >= 0 && now <= 100 {
		return now, 100, nil
	}
	return 0, 0, errors.New("not said")
}

// watts reads a number of sysfs, -1 when it is none.
func watts(text string) float64 {
	n, err := strconv.ParseUint(text, 10, 52)
	if err != nil {
		return -1
	}
	return float64(n)
}

// sum adds the supplies up. A machine without a battery is plugged in, whatever
// its USB sockets say.
func sum(list []supply) (facts.Power, error) {
	p := facts.Power{Battery: -1}
	var now, full float64
	var problems []error
	plugs, draining := 0, false
	for _, s := range list {
		switch s.kind {
		case "Battery", "UPS":
			now, full = now+s.now, full+s.full
			draining = draining || s.status == "Discharging"
			problems = append(problems, s.problem)
			p.Battery = 0
		default:
			plugs++
			p.Mains = p.Mains || s.online
		}
	}
	if p.Battery < 0 {
		p.Mains = true
		return p, nil
	}
	if full > 0 {
		p.Battery = int(now/full*100 + 0.5)
	}
	if plugs == 0 {
		p.Mains = !draining
	}
	for _, s := range list {
		if s.kind != "Battery" && s.kind != "UPS" && !p.Mains {
			problems = append(problems, s.problem) // it might be the one
		}
	}
	return p, errors.Join(problems...)
}
