package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Cache is the directory of that name among the user's caches, or what the
// variable says, so that a clean clone finds what another has built.
func Cache(name, variable string) (string, error) {
	if dir := os.Getenv(variable); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the cache directory (set %s): %w", variable, err)
	}
	return filepath.Join(dir, name), nil
}

// Ensure gives the directory key of the cache, which build fills if it is not
// there. It is built beside its place and renamed when complete, so that a
// directory under its final name is always whole; two callers with the same key
// build one.
func Ensure(ctx context.Context, cache, key string, build func(ctx context.Context, dir string) error) (string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := Lock(filepath.Join(cache, key+".lock"), 0)
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(cache, key)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := build(ctx, tmp); err != nil {
		return "", err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	return dir, os.Rename(tmp, dir)
}

// Lock takes an exclusive lock; flags may say not to wait for it.
func Lock(path string, flags int) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|flags); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
