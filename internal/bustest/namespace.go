package bustest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mount puts a file or directory of ours where a daemon looks.
type mount struct{ ours, theirs string }

// privately makes a command that runs with these mounts, and with the users of
// this package in its passwd, in a mount namespace of its own. Without root
// there are no mounts and no such users.
func (b *Bus) privately(tb testing.TB, mounts []mount, program string, args ...string) *exec.Cmd {
	tb.Helper()
	if os.Geteuid() != 0 {
		// #nosec G204 -- the arguments are ours
		return exec.Command(program, args...)
	}
	script, rest := "set -e\n", []string{}
	for _, m := range append(mounts, b.passwd(tb)) {
		script += "mount --bind \"$1\" \"$2\"; shift 2\n"
		rest = append(rest, m.ours, m.theirs)
	}
	script += `exec "$@"`
	all := append([]string{"--mount", "--propagation", "private", "sh", "-c", script, "sh"}, rest...)
	// #nosec G204 -- the arguments are ours
	return exec.Command("unshare", append(append(all, program), args...)...)
}

// passwd is this machine's with the users of this package in it: a bus does
// not take clients whose groups it cannot find.
func (b *Bus) passwd(tb testing.TB) mount {
	tb.Helper()
	const system = "/etc/passwd"
	raw, err := os.ReadFile(system)
	if err != nil {
		tb.Fatalf("cannot read users: %v", err)
	}
	file := filepath.Join(b.dir, "passwd")
	write(tb, file, strings.TrimRight(string(raw), "\n")+"\n"+people)
	return mount{file, system}
}
