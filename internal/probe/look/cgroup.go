package look

import (
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// place is where systemd put a process.
type place struct{ unit, userUnit, session string }

// placeIn finds the units of a process in its cgroups. On the unified hierarchy
// that is number 0, before it the one named "systemd". A path is slices, then a
// unit, then what that unit made below itself; a user's manager begins anew. See
// man:systemd.unit(5) and sd_pid_get_unit(3).
func placeIn(cgroups []procfs.Cgroup) place {
	var path string
	for _, c := range cgroups {
		if slices.Contains(c.Controllers, "name=systemd") {
			path = c.Path
			break
		}
		if c.HierarchyID == 0 && (path == "" || c.Path != "/") {
			path = c.Path
		}
	}
	return placeOf(strings.TrimSuffix(path, " (deleted)"))
}

func placeOf(path string) place {
	var p place
	parts := strings.Split(strings.Trim(path, "/"), "/")
	rest := parts
	p.unit, rest = firstUnit(rest)
	if strings.HasPrefix(p.unit, "user@") && strings.HasSuffix(p.unit, ".service") {
		p.userUnit, _ = firstUnit(rest)
	}
	if s, ok := strings.CutPrefix(p.unit, "session-"); ok {
		p.session, _ = strings.CutSuffix(s, ".scope")
	}
	return p
}

// firstUnit skips slices and returns the unit after them, and what follows. A
// path that leaves the cgroup namespace has none that we could name.
func firstUnit(parts []string) (string, []string) {
	for i, part := range parts {
		part = strings.TrimPrefix(part, "_")
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
