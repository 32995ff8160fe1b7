package nixosmodule_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/config"
)

func TestTheFlakeHasWhatPeopleLookFor(t *testing.T) {
	t.Parallel()
	var have struct {
		Packages map[string][]string `json:"packages"`
		Checks   map[string][]string `json:"checks"`
		Modules  []string            `json:"modules"`
		Overlays string              `json:"overlays"`
		Test     []string            `json:"test"`
	}
	if err := evaluate(t, `let names = builtins.mapAttrs (_: builtins.attrNames); o = s.outputs; in {
		packages = names o.packages; checks = names o.checks; modules = builtins.attrNames o.nixosModules;
		overlays = (o.overlays.default s.pkgs s.pkgs).moded.args.version;
		test = builtins.attrNames o.checks.x86_64-linux.vm;
	}`, &have); err != nil {
		t.Fatal(err)
	}
	for _, system := range []string{"x86_64-linux", "aarch64-linux"} {
		if got := have.Packages[system]; !slices.Equal(got, []string{"default", "gnome-extension", "moded", "plasma-applet"}) {
			t.Errorf("packages of %s: %q", system, got)
		}
		if got := have.Checks[system]; !slices.Equal(got, []string{"moded", "vm"}) {
			t.Errorf("checks of %s: %q", system, got)
		}
	}
	if !slices.Equal(have.Modules, []string{"default", "moded"}) || have.Overlays != "0-unstable-20260102" {
		t.Errorf("modules %q, the overlay's moded is %q", have.Modules, have.Overlays)
	}
	if !slices.Equal(have.Test, []string{"name", "nodes", "testScript"}) {
		t.Errorf("the check is no test of NixOS: %q", have.Test)
	}
}

func TestAMachineOfTheFlakeHasItsVersion(t *testing.T) {
	t.Parallel()
	// Both names at once, as when two modules of somebody's flake import it.
	var version string
	if err := evaluate(t, `(s.evaluate [ s.outputs.nixosModules.default s.outputs.nixosModules.moded { services.moded.enable = true; } ]).config.services.moded.package.args.version`, &version); err != nil {
		t.Fatal(err)
	}
	if version != "0-unstable-20260102" {
		t.Errorf("it is %q", version)
	}
}

func TestTheMachineOfTheVMTestIsSound(t *testing.T) {
	t.Parallel()
	for name, modules := range map[string]string{
		"as it boots":      `[ t.nodes.machine ]`,
		"as it is rebuilt": `[ t.nodes.machine (s.evaluate [ t.nodes.machine ]).config.specialisation.drifting.configuration ]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m machine
			if err := evaluate(t, `let t = import ./test.nix; in s.machine `+modules, &m); err != nil {
				t.Fatal(err)
			}
			if len(m.Failed)+len(m.Warnings) > 0 {
				t.Errorf("complains: %q, %q", m.Failed, m.Warnings)
			}
			if _, err := config.Compile([]config.Source{config.Default(), {Name: "moded.toml", Text: m.TOML}}); err != nil {
				t.Errorf("moded --check: %v in\n%s", err, m.TOML)
			}
		})
	}
}

func TestTheSourceOfThePackageHasEveryFileOfGit(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "-C", "..", "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{".git": false, "build": false, "result": false, "build/bin": true}
	for _, path := range strings.Fields(string(out)) {
		for ; path != "."; path = filepath.Dir(path) {
			paths[path] = true
		}
	}
	var kept map[string]bool
	expr := `let src = (s.pkgs.callPackage ./package.nix { }).args.src; in builtins.mapAttrs
		(path: _: src.filter (toString src.src + "/${path}") "regular") ` + read(t, paths)
	if err := evaluate(t, expr, &kept); err != nil {
		t.Fatal(err)
	}
	for path, want := range paths {
		if kept[path] != want {
			t.Errorf("%s is kept: %t", path, kept[path])
		}
	}
}
