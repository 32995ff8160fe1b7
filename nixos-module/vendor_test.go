package nixosmodule_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// vendorHash is the hash of what buildGoModule makes of go.mod: go mod vendor, and
// Nix's own archive format over it.
func vendorHash(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vendor")
	vendor := exec.Command("go", "mod", "vendor", "-o", dir)
	vendor.Dir = ".."
	if out, err := vendor.CombinedOutput(); err != nil {
		t.Fatalf("cannot vendor: %v: %s", err, out)
	}
	hash := exec.Command("nix", "--extra-experimental-features", "nix-command", "hash", "path", dir)
	hash.Env = append(os.Environ(), "HOME="+t.TempDir(), "NIX_STATE_DIR="+t.TempDir())
	out, err := hash.Output()
	if err != nil {
		t.Fatalf("cannot hash %s (is nix-bin installed? make deps): %v", dir, err)
	}
	return strings.TrimSpace(string(out)) + "\n"
}

func TestTheHashOfVendoredModulesIsNotStale(t *testing.T) {
	t.Parallel()
	golden(t, "vendor.hash", vendorHash(t))
}
