package look

import "strings"

// place is where systemd put a process.
type place struct{ unit, userUnit, session string }

// parseCgroup finds the units of a process in the text of its cgroup file. On
// the unified hierarchy the line is "0::PATH", before it "1:name=systemd:PATH".
// A path is slices, then a unit, then what that unit made below itself; a
// user's manager begins anew. See man:systemd.unit(5) and sd_pid_get_unit(3).
func parseCgroup(text string) place {
	var path string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if p, ok := strings.CutPrefix(line, "0::"); ok && (path == "" || p != "/") {
			path = p
		}
		if _, p, ok := strings.Cut(line, ":name=systemd:"); ok {
			path = p
			break
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
