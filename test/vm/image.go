package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// suite is the release of Debian that the machine runs.
const suite = "trixie"

// recipe is everything that decides what the image holds, but for the
// archive's own contents.
//
//go:embed image
var recipe embed.FS

// image is a machine's disk with what QEMU needs to start it.
type image struct{ disk, kernel, initrd string }

// cacheDir is where images are kept, so that a clean clone finds them.
func cacheDir() (string, error) {
	if dir := os.Getenv("MODED_VM_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the cache directory (set MODED_VM_CACHE): %w", err)
	}
	return filepath.Join(dir, "moded-vm"), nil
}

// ensureImage gives the image of the recipe, built if the cache has none.
func ensureImage(ctx context.Context) (image, error) {
	cache, err := cacheDir()
	if err != nil {
		return image{}, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return image{}, err
	}
	unlock, err := lockFile(filepath.Join(cache, "lock"), 0)
	if err != nil {
		return image{}, err
	}
	defer unlock()
	dir := filepath.Join(cache, recipeHash())
	img := image{filepath.Join(dir, "disk.img"), filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initrd")}
	if _, err := os.Stat(dir); err == nil {
		return img, nil
	}
	start := time.Now()
	if err := buildImage(ctx, dir); err != nil {
		return image{}, err
	}
	say("image built in %s", time.Since(start).Round(time.Second))
	return img, nil
}

// recipeHash names the recipe by its content.
func recipeHash() string {
	sum := sha256.New()
	fmt.Fprintln(sum, suite)
	_ = fs.WalkDir(recipe, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := recipe.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// buildImage builds into a scratch directory and renames it when complete, so
// that a directory under its final name is always whole.
func buildImage(ctx context.Context, dir string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	mirror, err := debianMirror("/etc")
	if err != nil {
		return err
	}
	say("building the Debian image (%s)", suite)
	root := filepath.Join(tmp, "root")
	if err := bootstrap(ctx, tmp, root, mirror); err != nil {
		return err
	}
	if err := extractKernel(root, tmp); err != nil {
		return err
	}
	disk := filepath.Join(tmp, "disk.img")
	if err := makeDisk(ctx, root, disk); err != nil {
		return err
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// bootstrap fills root with the packages of the recipe.
func bootstrap(ctx context.Context, tmp, root, mirror string) error {
	for _, name := range []string{"early.sh", "late.sh"} {
		text, _ := recipe.ReadFile("image/" + name)
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o755); err != nil {
			return err
		}
	}
	return run(ctx, []string{"TMPDIR=/tmp"}, "mmdebstrap", "--quiet", "--variant=minbase", "--include="+packages(),
		`--dpkgopt=path-exclude=/usr/share/doc/*`, `--dpkgopt=path-exclude=/usr/share/man/*`,
		`--dpkgopt=path-exclude=/usr/share/locale/*`, `--dpkgopt=force-unsafe-io`,
		"--essential-hook="+filepath.Join(tmp, "early.sh")+` "$1"`,
		"--customize-hook="+filepath.Join(tmp, "late.sh")+` "$1"`,
		suite, root, mirror)
}

// packages is the recipe's list as mmdebstrap wants it.
func packages() string {
	text, _ := recipe.ReadFile("image/packages.txt")
	var names []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			names = append(names, line)
		}
	}
	return strings.Join(names, ",")
}

// extractKernel moves the kernel and its initial RAM disk out of the root.
func extractKernel(root, dir string) error {
	for name, pattern := range map[string]string{"vmlinuz": "vmlinuz-*", "initrd": "initrd.img-*"} {
		found, _ := filepath.Glob(filepath.Join(root, "boot", pattern))
		if len(found) != 1 {
			return fmt.Errorf("cannot find %s in the image: %d matches", pattern, len(found))
		}
		if err := os.Rename(found[0], filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// makeDisk writes the root into a file system in a sparse file.
func makeDisk(ctx context.Context, root, disk string) error {
	f, err := os.Create(disk)
	if err != nil {
		return err
	}
	if err := f.Truncate(3 << 30); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return run(ctx, nil, "mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", root, disk)
}

// lockFile takes an exclusive lock; flags may say not to wait for it.
func lockFile(path string, flags int) (unlock func(), err error) {
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
