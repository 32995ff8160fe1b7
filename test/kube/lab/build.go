package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// cache is a directory of ours that outlives the tests.
func cache(name string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a place to keep the API server in: %w", err)
	}
	dir = filepath.Join(dir, "moded-kube", name)
	return dir, os.MkdirAll(dir, 0o755)
}

// Build returns the path of the API server, which it builds when this is the
// first time for the sources in dir: for some minutes, out of everybody's way.
func Build(ctx context.Context, dir string, say io.Writer) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH)
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	place, err := cache(hex.EncodeToString(sum.Sum(nil))[:16])
	if err != nil {
		return "", err
	}
	binary := filepath.Join(place, "apiserver")
	return binary, once(place, binary, func(next string) error {
		fmt.Fprintln(say, "building kube-apiserver (once; some minutes)")
		cmd := exec.CommandContext(ctx, "nice", "-n", "5", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", next, ".")
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, say, say
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		return cmd.Run()
	})
}

// Etcd returns the path of etcd: the machine's, or the one of Debian's package
// etcd-server, unpacked and not installed: a package that is installed starts a
// service.
func Etcd(ctx context.Context, say io.Writer) (string, error) {
	if path, err := exec.LookPath("etcd"); err == nil {
		return path, nil
	}
	place, err := cache("etcd")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(place, "usr", "bin", "etcd")
	err = once(place, binary, func(string) error {
		fmt.Fprintln(say, "fetching etcd (once)")
		cmd := exec.CommandContext(ctx, "sh", "-c", "rm -f *.deb; apt-get download etcd-server || { apt-get update && apt-get download etcd-server; } && dpkg-deb -x etcd-server_*.deb . && rm -f *.deb")
		cmd.Dir, cmd.Stdout, cmd.Stderr = place, say, say
		return cmd.Run()
	})
	if err != nil {
		return "", fmt.Errorf("etcd is missing, and apt-get download etcd-server did not bring it; put etcd 3.4 or later into PATH: %w", err)
	}
	return binary, nil
}

// once makes a file that is not there yet, one process at a time. What make
// writes under another name gets its own when it is whole.
func once(place, file string, make func(next string) error) error {
	lock, err := os.OpenFile(filepath.Join(place, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock %s: %w", place, err)
	}
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	next := file + ".new"
	if err := make(next); err != nil {
		return fmt.Errorf("cannot make %s: %w", filepath.Base(file), err)
	}
	if _, err := os.Stat(next); err != nil {
		return nil // it has put the file there itself
	}
	return os.Rename(next, file)
}
