package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/modectl/moded/pkg/facts"
)

// No t.Parallel: who forks for another test has the file open, too, for a moment.
func TestHolders(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/held")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	said := func(args ...string) string {
		var out bytes.Buffer
		// A process that root may not see either is an error beside the list.
		if err := holders(t.Context(), &out, args, false); err != nil && !strings.Contains(err.Error(), "look") {
			t.Errorf("%q: %v", args, err)
		}
		return out.String()
	}
	if out := said(f.Name()); !strings.HasPrefix(out, fmt.Sprintf("%-8d ", os.Getpid())) || strings.Count(out, "\n") != 1 {
		t.Errorf("it said %q", out)
	}
	var list []facts.Process
	if err := json.Unmarshal([]byte(said("--json", f.Name())), &list); err != nil || len(list) != 1 || int(list[0].PID) != os.Getpid() || list[0].Comm == "" {
		t.Errorf("it said %+v, %v", list, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if out := said(f.Name()); out != "" {
		t.Errorf("of a file that nobody holds it said %q", out)
	}
}

func TestHoldersNeedsOneFileThatIsThere(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"a", "b"}, {"--json"}, {t.TempDir() + "/none"}} {
		var out bytes.Buffer
		if err := holders(t.Context(), &out, args, true); err == nil || out.Len() > 0 {
			t.Errorf("%q: it said %q, %v", args, out.String(), err)
		}
	}
}
