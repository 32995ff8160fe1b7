package main

import (
	"slices"
	"strings"
)

const (
	maintainer = "moded developers <moded@modectl.org>"
	homepage   = "https://github.com/modectl/moded"
)

// pkg is one package and the files of the tree that it gets.
type pkg struct {
	name, arch, section           string
	description                   string
	depends, recommends, suggests []string
	// below are the directories whose files are this package's; the first
	// package whose directory fits has the file.
	below []string
	files []file
}

// table lists the packages; the last one gets what no other has asked for.
var table = []pkg{
	{
		name: "moded-gnome", arch: "all", section: "gnome",
		description: "workstation mode manager: extension for GNOME Shell\n" +
			"Shows the machine's mode in GNOME's quick settings, and changes it.",
		depends: []string{"moded", "gnome-shell (>= 45)"},
		below:   []string{"usr/share/gnome-shell"},
	},
	{
		name: "plasma-applet-moded", arch: "all", section: "kde",
		description: "workstation mode manager: applet for KDE Plasma\n" +
			"Shows the machine's mode in Plasma's panel, and changes it.",
		depends: []string{"moded", "plasma-workspace (>= 4:6.3)"},
		below:   []string{"usr/share/plasma"},
	},
	{
		name: "moded", arch: "amd64", section: "admin",
		description: "workstation mode manager\n" +
			"One workstation, two lives: a desktop that must play audio without a\n" +
			"click, and a multi-GPU AI server. moded makes the life that the machine is\n" +
			"in an explicit mode, and moves between modes safely: guarded, planned\n" +
			"before anything is touched, done step by step, and rolled back when\n" +
			"anything fails.\n" +
			"\n" +
			"It is a D-Bus service with polkit; modectl is its command line.",
		depends: []string{
			// 252 is the oldest that it was tried with.
			"systemd (>= 252)", "default-dbus-system-bus | dbus-system-bus", "polkitd", "init-system-helpers (>= 1.65)",
		},
		// pw-dump and pw-metadata: how agents see and set a user's audio.
		recommends: []string{"pipewire-bin"},
		suggests:   []string{"prometheus-node-exporter-collectors", "libnvidia-ml1"},
		below:      []string{""},
	},
}

// packages deals the files out and drops packages that got none.
func packages(tree []file) []pkg {
	all := slices.Clone(table)
	for _, f := range tree {
		for i := range all {
			if all[i].owns(f.path) {
				all[i].files = append(all[i].files, f)
				break
			}
		}
	}
	return slices.DeleteFunc(all, func(p pkg) bool { return len(p.files) == 0 })
}

// owns tells whether a path is below one of the package's directories.
func (p pkg) owns(path string) bool {
	return slices.ContainsFunc(p.below, func(dir string) bool { return dir == "" || strings.HasPrefix(path, dir+"/") })
}
