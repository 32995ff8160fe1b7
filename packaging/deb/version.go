package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	released = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)(?:-?((?:rc|beta|alpha)[.\d]*))?(?:-(\d+)-(g[0-9a-f]+))?$`)
	unnamed  = regexp.MustCompile(`^g?[0-9a-f]{7,40}$`)
	clean    = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~]*$`)
)

// debianVersion makes a version that dpkg sorts right of what git describe
// says: commits after a release are newer than it, candidates are older, and
// without any release the commit's date decides.
func debianVersion(described string, date time.Time) (string, error) {
	base, dirty := strings.CutSuffix(described, "-dirty")
	var version string
	switch m := released.FindStringSubmatch(base); {
	case unnamed.MatchString(base): // first: a commit may look like a number
		version = "0.0.0~" + date.Format("20060102150405") + "." + base
	case m != nil:
		version = m[1]
		if m[2] != "" {
			version += "~" + m[2]
		}
		if m[3] != "" {
			version += "+" + m[3] + "." + m[4]
		}
	case clean.MatchString(base):
		version = base
	default:
		return "", fmt.Errorf("cannot make a Debian version of %q: say VERSION=1.2.3", described)
	}
	if dirty {
		version += "+dirty"
	}
	return version + "-1", nil
}
