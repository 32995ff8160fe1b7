package main

import (
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// userManager answers moded-agent as a user's service manager does, with a
// pipewire.service that is up: this machine may have no systemd. It starts and
// stops nothing.
type userManager struct{}

const (
	systemd     = "org.freedesktop.systemd1"
	systemdPath = dbus.ObjectPath("/org/freedesktop/systemd1")
)

// unitRow is how org.freedesktop.systemd1(5) lists a unit.
type unitRow struct {
	Name, Description, Load, Active, Sub, Following string
	Path                                            dbus.ObjectPath
	JobID                                           uint32
	JobType                                         string
	JobPath                                         dbus.ObjectPath
}

func (userManager) Subscribe() *dbus.Error { return nil }

func (userManager) ListUnitsByNames(names []string) ([]unitRow, *dbus.Error) { //nolint:unparam // godbus asks for the error
	rows := make([]unitRow, len(names))
	for i, name := range names {
		rows[i] = unitRow{Name: name, Load: "loaded", Active: "active", Sub: "running", Path: "/", JobPath: "/"}
	}
	return rows, nil
}

func (userManager) GetUnitFileState(string) (string, *dbus.Error) { return "enabled", nil }

func (userManager) StartUnit(string, string) (dbus.ObjectPath, *dbus.Error) {
	return "", dbus.NewError(systemd+".NoSuchUnit", nil)
}

func (userManager) StopUnit(string, string) (dbus.ObjectPath, *dbus.Error) {
	return "", dbus.NewError(systemd+".NoSuchUnit", nil)
}

// serve puts the manager on a bus.
func (m userManager) serve(conn *dbus.Conn) error {
	if err := conn.Export(m, systemdPath, systemd+".Manager"); err != nil {
		return err
	}
	reply, err := conn.RequestName(systemd, dbus.NameFlagDoNotQueue)
	if err != nil {
		return fmt.Errorf("cannot be a user's service manager: %w", err)
	}
	if reply != dbus.RequestNameReplyPrimaryOwner {
		return errors.New("cannot be a user's service manager: there is one")
	}
	return nil
}
