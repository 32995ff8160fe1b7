package userslices

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/modectl/moded/internal/atomicfile"
)

// kept is what limits were before we set them, by slice and property.
type kept map[string]map[string]uint64

func (k kept) note(slice, property string, was uint64) {
	if k[slice] == nil {
		k[slice] = map[string]uint64{}
	}
	k[slice][property] = was
}

func (k kept) forget(slice string, properties ...string) {
	maps.DeleteFunc(k[slice], func(p string, _ uint64) bool { return slices.Contains(properties, p) })
	if len(k[slice]) == 0 {
		delete(k, slice)
	}
}

// memory is the file that keeps it.
type memory string

// load returns nothing when there is nothing; a file that cannot be read is an
// error, for what we set would be taken for what was there before.
func (m memory) load() (kept, error) {
	k := kept{}
	raw, err := os.ReadFile(string(m))
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell how slices were limited before: %w", err)
	}
	return k, nil
}

// save replaces the file.
func (m memory) save(k kept) error {
	if err := atomicfile.WriteJSON(string(m), k); err != nil {
		return fmt.Errorf("cannot write down how slices were limited: %w", err)
	}
	return nil
}
