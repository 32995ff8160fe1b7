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
	"time"

	"github.com/modectl/moded/test/debian"
)

// recipe is everything that decides what the image holds, but for the
// archive's own contents.
//
//go:embed image
var recipe embed.FS

// image is a machine's disk with what QEMU needs to start it.
type image struct{ disk, kernel, initrd string }

// ensureImage gives the image of the recipe, built if the cache has none.
func ensureImage(ctx context.Context) (image, error) {
	cache, err := debian.Cache("moded-vm", "MODED_VM_CACHE")
	if err != nil {
		return image{}, err
	}
	dir, err := debian.Ensure(ctx, cache, recipeHash(), buildImage)
	return image{filepath.Join(dir, "disk.img"), filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initrd")}, err
}

// recipeHash names the recipe by its content.
func recipeHash() string {
	sum := sha256.New()
	fmt.Fprintln(sum, debian.Suite)
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

// buildImage builds an image into dir.
func buildImage(ctx context.Context, dir string) error {
	start := time.Now()
	say("building the Debian image (%s)", debian.Suite)
	root := filepath.Join(dir, "root")
	if err := bootstrap(ctx, dir, root); err != nil {
		return err
	}
	if err := extractKernel(root, dir); err != nil {
		return err
	}
	if err := makeDisk(ctx, root, filepath.Join(dir, "disk.img")); err != nil {
		return err
	}
	for _, rest := range []string{"root", "early.sh", "late.sh"} {
		if err := os.RemoveAll(filepath.Join(dir, rest)); err != nil {
			return err
		}
	}
	say("image built in %s", time.Since(start).Round(time.Second))
	return nil
}

// bootstrap fills root with the packages of the recipe.
func bootstrap(ctx context.Context, dir, root string) error {
	for _, name := range []string{"early.sh", "late.sh"} {
		text, _ := recipe.ReadFile("image/" + name)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o755); err != nil {
			return err
		}
	}
	list, _ := recipe.ReadFile("image/packages.txt")
	return debian.Bootstrap(ctx, root, debian.Packages(string(list)),
		"--essential-hook="+filepath.Join(dir, "early.sh")+` "$1"`,
		"--customize-hook="+filepath.Join(dir, "late.sh")+` "$1"`)
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
	return debian.Run(ctx, nil, "mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", root, disk)
}
