package guards

import (
	"path"
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

// spoken makes a sentence of somebody's own words fit for everybody's eyes: one
// line, and no word of it is a path or an option with its value.
func spoken(words string) string {
	list := strings.Fields(words)
	for i, w := range list {
		if isPath(w) || strings.HasPrefix(w, "-") && strings.Contains(w, "=") {
			list[i] = "…"
		}
	}
	return facts.Clean(strings.Join(list, " "))
}

func isPath(word string) bool {
	word = strings.TrimLeft(word, `"'(<[=:`)
	return strings.HasPrefix(word, "/") || strings.HasPrefix(word, "~") || strings.HasPrefix(word, "./") || strings.Count(word, "/") > 1
}

// program is the name of the program in what an inhibitor calls itself.
// systemd-inhibit puts the whole command line there when it is told nothing
// better, which is not for everybody's eyes: then only its first word is shown.
// See systemd-inhibit(1), --who=.
func program(who, why string) string {
	list := strings.Fields(who)
	if len(list) == 0 {
		return ""
	}
	command := why == "Unknown reason" // what --why= defaults to
	for i, w := range list {
		command = command || isPath(w) || i > 0 && (strings.HasPrefix(w, "-") && w != "-" || strings.Contains(w, "="))
	}
	if command {
		return facts.Clean(path.Base(list[0]))
	}
	return spoken(who)
}
