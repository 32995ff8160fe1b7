package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/modectl/moded/internal/atomicfile"
)

// lastGoodName is the file in the state directory, lastGoodVersion its form.
const (
	lastGoodName    = "last-good.json"
	lastGoodVersion = 1
	maxLastGood     = 16 << 20
)

type lastGood struct {
	Version int      `json:"version"`
	Sources []Source `json:"sources"`
}

// SaveLastGood keeps a configuration's layers in dir, the embedded default
// included, so that what was good yesterday is what a broken file falls back
// to, also after an upgrade. The file is replaced atomically, and left alone
// when it says the same.
func SaveLastGood(dir string, c *Config) error {
	raw, err := json.Marshal(lastGood{lastGoodVersion, c.Sources})
	if err != nil {
		return fmt.Errorf("cannot encode last good configuration: %w", err)
	}
	path := filepath.Join(dir, lastGoodName)
	if old, err := readLastGood(path); err == nil && bytes.Equal(old, raw) {
		return nil
	}
	if err := atomicfile.WriteSynced(path, raw, 0o600); err != nil {
		return fmt.Errorf("cannot keep last good configuration: %w", err)
	}
	return nil
}

// LoadLastGood reads it back. The error wraps fs.ErrNotExist when there is
// none.
func LoadLastGood(dir string) (*Config, error) {
	raw, err := readLastGood(filepath.Join(dir, lastGoodName))
	if err != nil {
		return nil, fmt.Errorf("cannot read last good configuration: %w", err)
	}
	var kept lastGood
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&kept); err != nil {
		return nil, fmt.Errorf("cannot decode last good configuration: %w", err)
	}
	if kept.Version != lastGoodVersion {
		return nil, fmt.Errorf("cannot use last good configuration: it has form %d, this version knows %d", kept.Version, lastGoodVersion)
	}
	return Compile(kept.Sources)
}

func readLastGood(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLastGood {
		return nil, errors.New("it is not a regular file of at most 16 MiB")
	}
	return io.ReadAll(io.LimitReader(f, maxLastGood))
}
