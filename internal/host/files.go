package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/modectl/moded/internal/atomicfile"
	"github.com/modectl/moded/pkg/actions"
)

// Files are the environment files, gates and orders in the runtime directory. PID
// 1 and moded-gpu.service read them as root, so nobody else needs to.
type Files struct {
	dir    string
	report string // of moded-gpu.service
}

var _ actions.Files = Files{}

// NewFiles makes the two directories below dir.
func NewFiles(dir string) (Files, error) {
	f := Files{dir: dir, report: gpuReport}
	for _, sub := range []string{f.EnvDir(), f.denyDir()} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return f, fmt.Errorf("cannot make %s: %w", sub, err)
		}
	}
	return f, nil
}

// EnvDir is where units find their environment files.
func (f Files) EnvDir() string { return filepath.Join(f.dir, "env") }

func (f Files) denyDir() string { return filepath.Join(f.dir, "deny") }

// unitName is stricter than systemd's own grammar in one thing: no file begins
// with a dot, which keeps the temporary ones apart.
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_\\@-][A-Za-z0-9:_.\\@-]{0,254}$`)

func fileOf(dir, unit string) (string, error) {
	if !unitName.MatchString(unit) {
		return "", fmt.Errorf("%q is not the name of a unit", unit)
	}
	return filepath.Join(dir, unit), nil
}

// ReadEnv returns the unit's environment file, and false when there is none.
func (f Files) ReadEnv(unit string) (string, bool, error) {
	name, err := fileOf(f.EnvDir(), unit)
	if err != nil {
		return "", false, err
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return string(text), err == nil, err
}

// WriteEnv replaces the file as a whole.
func (f Files) WriteEnv(unit, text string) error {
	name, err := fileOf(f.EnvDir(), unit)
	if err != nil {
		return err
	}
	return replace(name, text)
}

// RemoveEnv removes the file; that it is not there is as good.
func (f Files) RemoveEnv(unit string) error {
	name, err := fileOf(f.EnvDir(), unit)
	if err != nil {
		return err
	}
	return remove(name)
}

// Denied tells whether the unit's gate is shut.
func (f Files) Denied(unitID string) (bool, error) {
	name, err := fileOf(f.denyDir(), unitID)
	if err != nil {
		return false, err
	}
	_, err = os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Deny shuts or opens the unit's gate.
func (f Files) Deny(unitID string, shut bool) error {
	name, err := fileOf(f.denyDir(), unitID)
	if err != nil {
		return err
	}
	if !shut {
		return remove(name)
	}
	return replace(name, "")
}

// Retire opens all gates while the daemon is down: without moded the machine is
// a normal one. They are kept aside for Resume in the same life of userspace.
func (f Files) Retire(life string) error {
	if err := os.Rename(f.denyDir(), f.denyDir()+"-"+life); err != nil {
		return fmt.Errorf("cannot open the gates: %w", err)
	}
	return nil
}

// Resume shuts the gates that Retire has opened, and forgets those of another
// life.
func (f Files) Resume(life string) error {
	kept, err := filepath.Glob(f.denyDir() + "-*")
	if err != nil {
		return err
	}
	for _, dir := range kept {
		if dir == f.denyDir()+"-"+life {
			err = errors.Join(err, f.shutAgain(dir))
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("cannot shut the gates again: %w", err)
	}
	return nil
}

func (f Files) shutAgain(dir string) error {
	gates, err := os.ReadDir(dir)
	for _, gate := range gates {
		err = errors.Join(err, f.Deny(gate.Name(), true))
	}
	return err
}

// replace has a unit that starts just now read the old text or the new one.
func replace(name, text string) error {
	if err := atomicfile.Write(name, []byte(text), 0o600); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %s: %w", name, err)
	}
	return nil
}
