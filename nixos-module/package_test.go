package nixosmodule_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recipe is what package.nix tells buildGoModule.
type recipe struct {
	SubPackages       []string       `json:"subPackages"`
	Ldflags           []string       `json:"ldflags"`
	Env               map[string]int `json:"env"`
	HardeningDisable  []string       `json:"hardeningDisable"`
	VendorHash        string         `json:"vendorHash"`
	PostBuild         string         `json:"postBuild"`
	InstallPhase      string         `json:"installPhase"`
	PostFixup         string         `json:"postFixup"`
	NativeBuildInputs []any          `json:"nativeBuildInputs"`
	Meta              map[string]any `json:"meta"`
}

func recipeOf(t *testing.T) recipe {
	t.Helper()
	var r recipe
	expr := `builtins.removeAttrs (s.pkgs.callPackage ./package.nix { version = "1.2.3"; }).args [ "src" ]`
	if err := evaluate(t, expr, &r); err != nil {
		t.Fatalf("cannot evaluate package.nix (is nix-bin installed? make deps): %v", err)
	}
	return r
}

func TestThePackageBuildsEveryCommand(t *testing.T) {
	t.Parallel()
	r := recipeOf(t)
	dirs, err := filepath.Glob("../cmd/*")
	if err != nil || len(dirs) != 6 {
		t.Fatalf("commands: %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		name := "cmd/" + filepath.Base(dir)
		probe := strings.Contains(r.PostBuild, "./"+name+"\n")
		if slices.Contains(r.SubPackages, name) == probe {
			t.Errorf("%s must be in subPackages or built by postBuild", name)
		}
	}
	if r.Env["CGO_ENABLED"] != 0 || !strings.Contains(r.PostBuild, "CGO_ENABLED=1") {
		t.Error("the brain must be static, and the probe cannot be")
	}
	if !strings.Contains(r.PostBuild, "-z,lazy") || !slices.Contains(r.HardeningDisable, "bindnow") {
		t.Error("the probe must bind lazily, or it does not start without the driver")
	}
	if !slices.Contains(r.Ldflags, "-X github.com/modectl/moded/internal/version.Version=1.2.3") {
		t.Errorf("the version is not told: %q", r.Ldflags)
	}
}

// laidOut runs the package's own make install over a tree without binaries.
func laidOut(t *testing.T, r recipe) string {
	t.Helper()
	tree, out, bin := t.TempDir(), t.TempDir(), t.TempDir()
	for _, name := range []string{"Makefile", "systemd", "dbus", "docs", "examples", "desktop", "README.md", "CHANGELOG.md"} {
		path, err := filepath.Abs("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	touch := func(path string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil { //nolint:gosec // it stands for a program
			t.Fatal(err)
		}
	}
	for _, name := range []string{"moded", "modectl", "moded-probe", "moded-agent", "moded-workload", "moded-tune"} {
		touch(filepath.Join(bin, name))
	}
	for _, name := range []string{"man/a.1", "man/a.5", "man/a.8", "completion/modectl", "completion/_modectl", "completion/modectl.fish"} {
		touch(filepath.Join(tree, "build", name))
	}
	install, _, found := strings.Cut(r.InstallPhase, "# The module makes")
	if !found {
		t.Fatal("the install phase has changed: change this test with it")
	}
	script := "runHook() { :; }; set -eu; out=" + out + "; GOPATH=" + filepath.Dir(bin) + "\n" +
		strings.NewReplacer("$GOPATH/bin", bin, "/nix/store/bash/bin/bash", "/bin/bash").Replace(install)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = tree
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func TestWhatTheModuleNamesIsInThePackage(t *testing.T) {
	t.Parallel()
	r := recipeOf(t)
	out := laidOut(t, r)
	m := machineOf(t, "../examples/nixos/workstation.nix")
	text := m.Build
	for name, unit := range m.Services {
		if script, ok := unit.(map[string]any)["script"].(string); ok {
			text += script
			continue // it is a unit of its own
		}
		if strings.HasPrefix(name, "moded") {
			there(t, out, "lib/systemd/system/"+name+".service")
		}
	}
	for name := range m.Sockets {
		there(t, out, "lib/systemd/system/"+name+".socket")
	}
	for name := range m.UserServices {
		there(t, out, "lib/systemd/user/"+name+".service")
	}
	named := regexp.MustCompile(`/nix/store/moded/([^\s"]+)`).FindAllStringSubmatch(text, -1)
	if len(named) < 2 {
		t.Errorf("names %q", named)
	}
	for _, n := range named {
		there(t, out, n[1])
	}
	for _, path := range []string{
		"bin/modectl", "bin/mode", "lib/tmpfiles.d/moded.conf", "share/dbus-1/system.d/org.modectl.Manager1.conf",
		"share/polkit-1/actions/org.modectl.policy", "lib/systemd/system/display-manager.service.d/50-moded-gate.conf",
		"lib/systemd/system/moded-studio.target", "share/man/man1/a.1", "share/bash-completion/completions/modectl",
		"share/doc/moded/examples/kubernetes/moded-rbac.yaml", "libexec/moded/moded-probe",
	} {
		there(t, out, path)
	}
}

func there(t *testing.T, dir, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
		t.Errorf("the package has no %s", path)
	}
}

func TestNothingInThePackagePointsOutOfTheStore(t *testing.T) {
	t.Parallel()
	r := recipeOf(t)
	out := laidOut(t, r)
	units, err := filepath.Glob(filepath.Join(out, "lib/systemd/*/*.service"))
	if err != nil || len(units) < 8 {
		t.Fatalf("units: %v, %v", units, err)
	}
	for _, unit := range units {
		raw, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(raw), "\n") {
			key, command, _ := strings.Cut(line, "=")
			if !strings.HasPrefix(key, "Exec") || strings.HasPrefix(command, out) {
				continue
			}
			// Programs without a path: replaced by the package, or by the module.
			replaced := strings.Contains(r.InstallPhase, `"`+key+"="+strings.Fields(command)[0]+` "`) || command == "k3s-killall.sh"
			if !replaced {
				t.Errorf("%s: %s is not in the store", filepath.Base(unit), line)
			}
		}
	}
}

func TestTheAppletsArePackagedFromWhereTheyAre(t *testing.T) {
	t.Parallel()
	var scripts map[string]string
	expr := `builtins.mapAttrs (_: a: a.args.installPhase) (s.pkgs.callPackage ./applets.nix { })`
	if err := evaluate(t, expr, &scripts); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"gnome": "share/gnome-shell/extensions", "plasma": "share/plasma/plasmoids"} {
		if !strings.Contains(scripts[name], "$out/"+to) {
			t.Errorf("%s goes elsewhere: %s", name, scripts[name])
		}
	}
}
