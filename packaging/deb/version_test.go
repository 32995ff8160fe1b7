package main

import (
	"os/exec"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 23, 22, 30, 5, 0, time.UTC)

func TestADebianVersionIsMadeOfWhatGitSays(t *testing.T) {
	t.Parallel()
	for described, want := range map[string]string{
		"v0.3.0":                   "0.3.0-1",
		"v0.3.0-rc1":               "0.3.0~rc1-1",
		"v0.3.0-rc1-4-gabc1234":    "0.3.0~rc1+4.gabc1234-1",
		"v0.3.0-12-gabc1234":       "0.3.0+12.gabc1234-1",
		"v0.3.0-12-gabc1234-dirty": "0.3.0+12.gabc1234+dirty-1",
		"849fa1b":                  "0.0.0~20261123223005.849fa1b-1",
		"1234567":                  "0.0.0~20261123223005.1234567-1",
		"849fa1b-dirty":            "0.0.0~20261123223005.849fa1b+dirty-1",
		"0.2.0~lab":                "0.2.0~lab-1",
	} {
		got, err := debianVersion(described, day)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", described, got, err, want)
		}
	}
	for _, bad := range []string{"", "unreleased", "v1.0/../2", "1_0", "feature x"} {
		if got, err := debianVersion(bad, day); err == nil {
			t.Errorf("%q passed as %q", bad, got)
		}
	}
}

func TestVersionsSortAsTheyCameToBe(t *testing.T) {
	t.Parallel()
	var last string
	for i, described := range []string{"ffffff1", "0000002", "v0.3.0-rc1", "v0.3.0-rc1-4-gabc1234", "v0.3.0", "v0.3.0-2-gfff1234", "v0.3.0-12-g0001234", "v0.3.1"} {
		got, err := debianVersion(described, day.Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if last == "" {
			last = got
			continue
		}
		if err := exec.Command("dpkg", "--compare-versions", last, "lt", got).Run(); err != nil {
			t.Errorf("%s is not older than %s: %v", last, got, err)
		}
		last = got
	}
}
