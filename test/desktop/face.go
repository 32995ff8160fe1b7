package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// face is a desktop in which an applet of moded's shows.
type face interface {
	// name is the flag's word for it.
	name() string
	// packages are what its Debian needs besides the common ones.
	packages() []string
	// install puts in place what `make install` does not. It runs inside, as
	// root, before anything is started.
	install(w *world) error
	// start brings the desktop up in the user's session, which is there, and
	// returns when it can be asked. What it starts may run until the end.
	start(ctx context.Context, w *world) error
	// checks are what is to be shown, in their order. They share the desktop.
	checks() []check
}

// check is one thing that a face shows. Its name is a sentence.
type check struct {
	name string
	run  func(ctx context.Context, t *trial) error
}

// trial is what a check works with.
type trial struct {
	*world
	notes []string
}

// note adds a figure or a word to the check's line.
func (t *trial) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// faces are all there are.
var faces = []face{&gnome{}, &plasma{}}

func faceNames() string {
	var names []string
	for _, f := range faces {
		names = append(names, f.name())
	}
	return strings.Join(names, ", ")
}

// chooseFaces finds the faces that a flag names.
func chooseFaces(word string) ([]face, error) {
	if word == "all" {
		return faces, nil
	}
	i := slices.IndexFunc(faces, func(f face) bool { return f.name() == word })
	if i < 0 {
		return nil, fmt.Errorf("no such face %q; there are: %s", word, faceNames())
	}
	return faces[i : i+1], nil
}

// commonPackages are in every face's Debian: the buses, polkit, tools.
var commonPackages = []string{
	"dbus", "dbus-bin", "polkitd", "libglib2.0-bin", "libgl1-mesa-dri", "fonts-dejavu-core", "procps",
}

// packagesOf is the whole list of a face, sorted.
func packagesOf(f face) []string {
	all := append(slices.Clone(commonPackages), f.packages()...)
	slices.SortFunc(all, cmp.Compare)
	return slices.Compact(all)
}
