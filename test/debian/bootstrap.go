package debian

import (
	"context"
	"strings"
)

// Suite is the release of Debian that tests run on.
const Suite = "trixie"

// Packages reads a list of names, one a line, with comments.
func Packages(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			names = append(names, line)
		}
	}
	return names
}

// Bootstrap fills root with Debian's minimal system and these packages, without
// documentation; extra are more options of mmdebstrap, its hooks mostly.
func Bootstrap(ctx context.Context, root string, packages []string, extra ...string) error {
	mirror, err := Mirror("/etc")
	if err != nil {
		return err
	}
	args := append([]string{
		"--quiet", "--variant=minbase", "--include=" + strings.Join(packages, ","),
		`--dpkgopt=path-exclude=/usr/share/doc/*`, `--dpkgopt=path-exclude=/usr/share/man/*`,
		`--dpkgopt=path-exclude=/usr/share/locale/*`, `--dpkgopt=force-unsafe-io`,
	}, extra...)
	return Run(ctx, []string{"TMPDIR=/tmp"}, "mmdebstrap", append(args, Suite, root, mirror)...)
}
