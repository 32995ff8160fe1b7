package doctor

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// slowFilesystems wait for a network or a program.
var slowFilesystems = []string{"fuse", "reiserfs", "nfs", "cifs", "smb3", "9p", "ceph", "sshfs"}

// checkFilesystem looks at what the home directory is on.
func (p *patient) checkFilesystem() Finding {
	text, err := p.get("proc/self/mountinfo")
	kind, at := filesystemOf(text, p.Home)
	switch {
	case err != nil || kind == "":
		return unknown("what your home directory is on cannot be told")
	case slices.ContainsFunc(slowFilesystems, func(slow string) bool { return kind == slow || strings.HasPrefix(kind, slow+".") || kind == slow+"4" }):
		return warning("your home directory is on %s (%s), which waits for others", at, kind).but("have projects and sounds on a local disk", Now)
	}
	return fine("your home directory is on a local disk (%s)", kind)
}

// filesystemOf finds the mount of a path. See proc_pid_mountinfo(5): the mount
// point is the fifth word, the kind the first behind a lone dash.
func filesystemOf(mountinfo, home string) (kind, at string) {
	for line := range strings.Lines(mountinfo) {
		before, after, found := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !found || len(f) < 5 || len(g) < 1 {
			continue
		}
		point := strings.ReplaceAll(f[4], `\040`, " ")
		inside := point == "/" || home == point || strings.HasPrefix(home, point+"/")
		if inside && len(point) >= len(at) { // the last mount on a place hides the others
			kind, at = g[0], point
		}
	}
	return kind, at
}

// Actions of an interrupt that sound depends on: cards, and the controllers of
// USB.
var soundIRQ = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(snd|[eoux]hci[_-]hcd)`) })

// checkInterrupts looks for sound cards and USB controllers that share a line
// with something else.
func (p *patient) checkInterrupts() Finding {
	seen := 0
	var shared []string
	files := p.glob("sys/kernel/irq/*/actions")
	slices.SortFunc(files, byNumber)
	for _, file := range files {
		text, err := p.get(file)
		actions := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		if err != nil || !slices.ContainsFunc(actions, soundIRQ().MatchString) {
			continue
		}
		seen++
		if len(actions) > 1 {
			shared = append(shared, fmt.Sprintf("%s by %s", path.Base(path.Dir(file)), strings.Join(actions, " and ")))
		}
	}
	switch {
	case seen == 0:
		return unknown("no interrupt of a sound card or of USB is to be seen")
	case len(shared) > 0:
		return warning("interrupts are shared: %s", strings.Join(shared, ", ")).but("put the card into another slot, or the interface on another USB port", Firmware)
	}
	return fine("no sound card and no USB controller shares its interrupt")
}

func byNumber(a, b string) int {
	n := func(file string) int {
		i, _ := strconv.Atoi(path.Base(path.Dir(file))) // directories are numbers
		return i
	}
	return n(a) - n(b)
}
