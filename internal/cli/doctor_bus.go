package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/doctor"
)

const (
	pid1Name  = "org.freedesktop.systemd1"
	pid1Units = dbus.ObjectPath("/org/freedesktop/systemd1/unit/")
	busName   = "org.freedesktop.DBus"
)

// pid1 asks PID 1 for units, once for each, and changes nothing.
type pid1 struct {
	conn *dbus.Conn
	ctx  context.Context //nolint:containedctx // the command's, for the doctor's questions
	seen map[string]seenUnit
}

type seenUnit struct {
	unit doctor.Unit
	err  error
}

// has tells whether a name has an owner, or the bus would start one.
func (p *pid1) has(name string) bool {
	var owned bool
	bus := p.conn.BusObject()
	if bus.CallWithContext(p.ctx, busName+".NameHasOwner", 0, name).Store(&owned) == nil && owned {
		return true
	}
	var names []string
	return bus.CallWithContext(p.ctx, busName+".ListActivatableNames", 0).Store(&names) == nil && slices.Contains(names, name)
}

func (p *pid1) unit(name string) (doctor.Unit, error) {
	if s, ok := p.seen[name]; ok {
		return s.unit, s.err
	}
	u, err := p.ask(name)
	p.seen[name] = seenUnit{u, err}
	return u, err
}

// ask reads a unit's properties; the path alone has PID 1 load it.
func (p *pid1) ask(name string) (doctor.Unit, error) {
	object := p.conn.Object(pid1Name, pid1Units+dbus.ObjectPath(escapeUnit(name)))
	all := func(iface string) (map[string]dbus.Variant, error) {
		var props map[string]dbus.Variant
		err := object.CallWithContext(p.ctx, busName+".Properties.GetAll", dbus.FlagNoAutoStart, pid1Name+"."+iface).Store(&props)
		return props, err
	}
	props, err := all("Unit")
	if err != nil {
		return doctor.Unit{}, err
	}
	text := func(key string) string {
		s, _ := props[key].Value().(string)
		return manager1.Clean(s, manager1.MaxLine)
	}
	u := doctor.Unit{ID: text("Id"), Load: text("LoadState"), Active: text("ActiveState"), Sub: text("SubState"),
		FileState: text("UnitFileState"), Fragment: text("FragmentPath")}
	u.DropIns, _ = props["DropInPaths"].Value().([]string)
	u.NeedsReload, _ = props["NeedDaemonReload"].Value().(bool)
	if u.Load == "" {
		return u, errors.New("the answer has no LoadState")
	}
	if strings.HasSuffix(name, ".service") {
		if props, err = all("Service"); err == nil {
			u.EnvironmentFiles = environmentFiles(props["EnvironmentFiles"])
		}
	}
	return u, nil
}

// environmentFiles are paths, with a dash before those that may be missing.
func environmentFiles(v dbus.Variant) []string {
	var rows []struct {
		Path     string
		Optional bool
	}
	if v.Value() == nil || v.Store(&rows) != nil { // godbus does not store nothing
		return nil
	}
	var files []string
	for _, r := range rows {
		if r.Optional {
			r.Path = "-" + r.Path
		}
		files = append(files, r.Path)
	}
	return files
}

// escapeUnit is a unit's name as an element of an object's path: see
// sd_bus_path_encode(3).
func escapeUnit(name string) string {
	var b strings.Builder
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if letter || i > 0 && c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "_%02x", c)
	}
	return b.String()
}
