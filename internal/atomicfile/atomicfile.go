// Package atomicfile replaces files as a whole: whoever reads one, or is started
// by it, has the old text or the new one and never a part.
//
// The new text is written into a file beside, whose name begins with a dot, and
// renamed. Both functions may be called by several goroutines and processes at
// once; the last one wins. A file that fails to be written leaves nothing behind.
//
// The ledger does not write this way: it says itself when the disk is asked, and
// its tests lose power in between.
package atomicfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file. It outlives the process that wrote it, but a power cut
// only by luck: it is for what dies with the boot, or is written again.
func Write(path string, text []byte, perm fs.FileMode) error {
	return write(path, text, perm, func(*os.File) error { return nil })
}

// WriteJSON is Write for a value, readable by its owner alone.
func WriteJSON[T any](path string, v T) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	return Write(path, text, 0o600)
}

// WriteSynced replaces the file and returns when the disk has it, name and all.
func WriteSynced(path string, text []byte, perm fs.FileMode) error {
	if err := write(path, text, perm, (*os.File).Sync); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func write(path string, text []byte, perm fs.FileMode, last func(*os.File) error) error {
	beside, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = beside.Write(text)
	if err == nil {
		err = last(beside)
	}
	err = errors.Join(err, beside.Chmod(perm), beside.Close())
	if err == nil {
		err = os.Rename(beside.Name(), path)
	}
	if err != nil {
		_ = os.Remove(beside.Name()) // the other error is the one that tells
	}
	return err
}
