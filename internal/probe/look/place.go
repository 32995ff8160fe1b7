package look

import (
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

// place is where systemd put a process, and Kubernetes.
type place struct {
	slice, unit, userSlice, userUnit, session string
	// pod is the UID of the pod.
	pod string
	// greeter is set in the slice of a user of the system: a login screen's.
	greeter bool
}

// enter writes a place into a process.
func (at place) enter(p *proc) {
	p.Slice, p.UserSlice = facts.Clean(at.slice), facts.Clean(at.userSlice)
	p.Unit, p.UserUnit, p.Session = facts.Clean(at.unit), facts.Clean(at.userUnit), facts.Clean(at.session)
	p.pod, p.greeter = at.pod, at.greeter
}

// placeIn finds the units of a process in its /proc/PID/cgroup, whose lines are
// NUMBER:CONTROLLERS:PATH. On the unified hierarchy that is number 0, before it
// the one named "systemd". See man:cgroups(7).
func placeIn(text string) place {
	var path string
	for line := range strings.Lines(text) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, in, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		if controllers == "name=systemd" {
			path = in
			break
		}
		if number == "0" && (path == "" || in != "/") {
			path = in
		}
	}
	return placeOf(strings.TrimSuffix(path, " (deleted)"))
}

// placeOf reads a path. It is slices, then a unit, then what that unit made
// below itself; a user's manager begins anew. See man:systemd.unit(5) and
// sd_pid_get_unit(3).
func placeOf(path string) place {
	var p place
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if pod, ok := podOf(parts); ok {
		p.slice, p.pod = "kubepods.slice", pod
	}
	if p.slice == "" && strings.HasSuffix(parts[0], ".slice") {
		p.slice = plain(parts[0])
	}
	p.greeter = p.slice == "user.slice" && len(parts) > 1 && greeterSlice(parts[1])
	p.unit, parts = firstUnit(parts)
	if strings.HasPrefix(p.unit, "user@") && strings.HasSuffix(p.unit, ".service") {
		if len(parts) > 0 && strings.HasSuffix(parts[0], ".slice") {
			p.userSlice = plain(parts[0])
		}
		p.userUnit, _ = firstUnit(parts)
	}
	if s, ok := strings.CutPrefix(p.unit, "session-"); ok {
		p.session, _ = strings.CutSuffix(s, ".scope")
	}
	return p
}

// greeterSlice tells whether a slice user-UID.slice is not a person's: below 1000
// are users of the system, and GDM gives its login screens users from 60578 on.
// See https://systemd.io/UIDS-GIDS/.
func greeterSlice(name string) bool {
	uid, _ := strings.CutPrefix(strings.TrimSuffix(name, ".slice"), "user-")
	n, err := strconv.ParseUint(uid, 10, 32)
	return err == nil && (n > 0 && n < 1000 || n >= 60578 && n <= 60705)
}

// plain takes off the underscore that systemd puts before a name that the kernel
// could take for one of its own files.
func plain(name string) string { return strings.TrimPrefix(name, "_") }

// firstUnit skips slices and returns the unit after them, and what follows. A
// path that leaves the cgroup namespace has none that we could name.
func firstUnit(parts []string) (string, []string) {
	for i, part := range parts {
		part = plain(part)
		switch {
		case part == "..":
			return "", nil
		case strings.HasSuffix(part, ".slice"):
		case strings.HasSuffix(part, ".service"), strings.HasSuffix(part, ".scope"), strings.HasSuffix(part, ".mount"),
			strings.HasSuffix(part, ".socket"), strings.HasSuffix(part, ".swap"):
			return part, parts[i+1:]
		default:
			return "", nil
		}
	}
	return "", nil
}

// podOf tells whether a path lies among Kubernetes's pods, and the UID of the
// pod. The kubelet names cgroups for systemd
// (kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice, the
// UID with "_" for "-") or by itself (kubepods/burstable/podUID). Only a path
// that begins so is one: below, anybody may make what he likes.
func podOf(parts []string) (uid string, ok bool) {
	if parts[0] != "kubepods" && parts[0] != "kubepods.slice" {
		return "", false
	}
	for _, part := range parts[1:min(len(parts), 4)] {
		name, systemd := strings.CutSuffix(part, ".slice")
		if systemd {
			name = name[strings.LastIndexByte(name, '-')+1:]
			name = strings.ReplaceAll(name, "_", "-")
		}
		if uid, ok := strings.CutPrefix(name, "pod"); ok && isUID(uid) {
			return uid, true
		}
	}
	return "", true
}

// isUID accepts a UUID, and the hash that a static pod has instead.
func isUID(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return false
		}
	}
	return len(s) >= 16 && len(s) <= 64
}
