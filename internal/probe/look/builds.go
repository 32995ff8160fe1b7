package look

import (
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

// trade is what a program does for a build.
type trade uint8

const (
	// compiler programs exist only while they compile or link.
	compiler trade = iota + 1
	// prompter ones do too, but can also sit at a prompt (ghci, zig's server):
	// they count while they use the CPU.
	prompter
	// driver programs start the others and may also run what was built: they
	// count while something below them uses the CPU.
	driver
)

// trades are programs by name, without the target and the version that
// distributions put around it. Scripts are found by what the kernel calls them,
// which is cut to 15 bytes.
var trades = map[string]trade{
	// GCC, binutils
	"cc": compiler, "gcc": compiler, "c++": compiler, "g++": compiler, "cpp": compiler, "gfortran": compiler, "gnat1": compiler,
	"cc1": compiler, "cc1plus": compiler, "cc1obj": compiler, "cc1objplus": compiler, "f951": compiler, "go1": compiler,
	"gdc": compiler, "d21": compiler, "gm2": compiler, "lto1": compiler, "lto-wrapper": compiler, "collect2": compiler,
	"as": compiler, "ld": compiler, "ld.bfd": compiler, "ld.gold": compiler, "gold": compiler, "dwz": compiler,
	// LLVM and others that link
	"clang": compiler, "clang++": compiler, "flang": compiler, "flang-new": compiler, "lld": compiler, "ld.lld": compiler,
	"ld64.lld": compiler, "wasm-ld": compiler, "mold": compiler, "ld.mold": compiler, "wild": compiler,
	"swiftc": compiler, "swift-frontend": compiler, "nasm": compiler, "yasm": compiler, "ccache": compiler,
	// languages
	"rustc": compiler, "rustdoc": compiler, "clippy-driver": compiler, "javac": compiler, "kotlinc": compiler, "scalac": compiler,
	"ocamlc": compiler, "ocamlopt": compiler, "ocamlc.opt": compiler, "ocamlopt.opt": compiler, "fpc": compiler, "ppcx64": compiler,
	"dmd": compiler, "ldc2": compiler, "valac": compiler, "ghc": prompter, "zig": prompter,
	// CUDA and ROCm
	"nvcc": compiler, "cicc": compiler, "ptxas": compiler, "cudafe++": compiler, "fatbinary": compiler, "nvlink": compiler, "hipcc": compiler,
	// drivers
	"make": driver, "gmake": driver, "bmake": driver, "ninja": driver, "samu": driver, "cmake": driver, "ctest": driver, "meson": driver,
	"cargo": driver, "go": driver, "bazel": driver, "bazelisk": driver, "buck2": driver, "scons": driver, "waf": driver, "xmake": driver,
	"gradle": driver, "mvn": driver, "ant": driver, "sbt": driver, "cabal": driver, "stack": driver, "dune": driver, "dub": driver,
	"nimble": driver, "mix": driver, "rebar3": driver, "msbuild": driver, "bitbake": driver, "colcon": driver, "swift-build": driver,
	"nix": driver, "nix-build": driver, "nix-env": driver, "nix-instantiate": driver, "nix-store": driver, "nix-shell": driver,
	"nixos-rebuild": driver, ".nixos-rebuild-": driver, "home-manager": driver, "colmena": driver,
	"dpkg-buildpacka": driver, "debuild": driver, "sbuild": driver, "pbuilder": driver, "rpmbuild": driver, "mock": driver,
	"makepkg": driver, "emerge": driver, "ebuild": driver, "abuild": driver, "mkosi": driver,
}

// goTools are the go command's own, whose names others have too.
var goTools = map[string]bool{"compile": true, "link": true, "asm": true, "cgo": true, "vet": true, "pack": true, "cover": true}

// tradeOf tells what a process does for a build, by its program or by what it is
// called; 0 when it does nothing.
func tradeOf(p *proc) trade {
	if goTools[p.Exe] && (strings.Contains(p.exe, "/pkg/tool/") || strings.Contains(p.exe, "/go-build")) {
		return compiler
	}
	if t := trades[tool(p.Exe)]; t != 0 {
		return t
	}
	return trades[tool(called(p.Comm))]
}

// targets end the name of what a cross compiler compiles for, x86_64-linux-gnu.
var targets = []string{"-gnu-", "-gnux32-", "-gnueabi-", "-gnueabihf-", "-musl-", "-elf-", "-eabi-", "-none-", "-mingw32-"}

// tool is the name of a program without target and version: "as" for
// aarch64-linux-gnu-as, "clang" for clang-19.
func tool(name string) string {
	for _, target := range targets {
		if i := strings.LastIndex(name, target); i > 0 {
			name = name[i+len(target):]
			break
		}
	}
	if i := strings.LastIndexByte(name, '-'); i > 0 && strings.Trim(name[i+1:], "0123456789.") == "" {
		name = name[:i]
	}
	return name
}

// called is a name in comm as people know it; see program.
func called(comm string) string {
	if inner, ok := strings.CutPrefix(comm, "."); ok {
		if i := strings.Index(inner, "-wrap"); i > 0 {
			return inner[:i]
		}
	}
	return comm
}

// ours are moded's own programs, which are no reason to wait for anything.
func ours(p facts.Process) bool {
	switch p.Exe {
	case "modectl", "moded", "moded-agent", "moded-probe", "moded-workload", "moded-tune":
		return true
	}
	return false
}

// desktop programs draw a session or start what does. Where no manager of the
// user's puts them into session.slice, only the name tells.
var desktop = map[string]bool{
	"gnome-shell": true, "kwin_wayland": true, "kwin_x11": true, "weston": true, "sway": true, "Hyprland": true, "labwc": true,
	"wayfire": true, "river": true, "niri": true, "cage": true, "cosmic-comp": true, "Xorg": true, "X": true, "Xwayland": true,
	"xfwm4": true, "openbox": true, "i3": true, "mutter": true, "marco": true, "muffin": true, "plasmashell": true,
	"gdm-wayland-ses": true, "gdm-x-session": true, "gnome-session": true, "gnome-session-b": true, "gnome-session-i": true,
	"startx": true, "xinit": true, "startplasma-way": true, "startplasma-x11": true, "xfce4-session": true, "lxqt-session": true,
	"mate-session": true, "cinnamon-sessio": true, "sddm-helper": true, "greetd": true, "uwsm": true, "Xsession": true, "seatd-launch": true,
}
