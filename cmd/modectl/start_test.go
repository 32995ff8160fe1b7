package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// inits are what the runtime says of each package that does something before main.
var inits = regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) allocs$`)

func TestNothingOfOursIsMadeBeforeItIsAskedFor(t *testing.T) {
	t.Parallel()
	const most = 100 // a regular expression compiled is several hundred
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "version", "--help")
	cmd.Env = []string{"BE_MODECTL=1", "GODEBUG=inittrace=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ours := regexp.MustCompile(`^github\.com/modectl/moded/`)
	seen := 0
	for _, init := range inits.FindAllStringSubmatch(string(out), -1) {
		if !ours.MatchString(init[1]) {
			continue
		}
		seen++
		if allocs, err := strconv.Atoi(init[2]); err != nil || allocs > most {
			t.Errorf("%s makes %s objects whenever modectl starts; sync.OnceValue makes them when they are needed", init[1], init[2])
		}
	}
	if seen == 0 {
		t.Fatalf("the runtime tells of no package:\n%s", out)
	}
}
