package facts_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modectl/moded/pkg/facts"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"an ordinary name stays":           {"reaper", "reaper"},
		"an escape sequence is disarmed":   {"\x1b[2Jevil", "?[2Jevil"},
		"a second line is not to be had":   {"a\nb", "a?b"},
		"the direction of writing stays":   {"a\u202eb", "a?b"},
		"bytes that are no text are shown": {"a\xffb", "a?b"},
		"a long name is cut":               {strings.Repeat("x", 70), strings.Repeat("x", 64) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := facts.Clean(c[0]); got != c[1] {
				t.Errorf("got %q, want %q", got, c[1])
			}
		})
	}
}

func TestARecordOfAMachineFullOfProcessesStillFits(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{Memory: facts.Memory{Total: 7}}
	for i := range 5000 {
		name := fmt.Sprintf("%04d%s", i, strings.Repeat("x", 50))
		f.Process.List = append(f.Process.List, facts.Process{PID: uint32(i), Comm: name})
		f.Process.Audio = append(f.Process.Audio, facts.AudioServer{UID: uint32(i), Clients: []string{name, name, name, name, name, name}})
	}
	raw := f.Record()
	if len(raw) > facts.MaxRecord {
		t.Fatalf("the record has %d bytes", len(raw))
	}
	var back facts.Facts
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.Memory.Total != 7 || !back.Memory.Known() || len(back.Process.List) == 0 {
		t.Error("what matters was cut as well")
	}
	if back.Process.Known() {
		t.Error("what was cut passes for all there was")
	}
	if back.Process.Known() || !back.Memory.Known() || !f.Process.Known() {
		t.Errorf("what was cut reads %q, what was not %q", back.Process.Unknown, back.Memory.Unknown)
	}
	if !f.Process.Known() || len(f.Process.List) != 5000 || len(f.Process.Audio[0].Clients) != 6 {
		t.Error("recording changed the facts")
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		p    facts.Process
		name string
		want bool
	}{
		"by what ps shows":                       {facts.Process{Comm: "reaper"}, "reaper", true},
		"by its file":                            {facts.Process{Comm: "main", Exe: "bitwig-studio"}, "bitwig-studio", true},
		"cut as the kernel cuts":                 {facts.Process{Comm: "a-very-long-pro"}, "a-very-long-program", true},
		"wrapped by Nix":                         {facts.Process{Comm: ".reaper-wrapped"}, "reaper", true},
		"wrapped by Nix, and cut":                {facts.Process{Comm: ".bitwig-studio-"}, "bitwig-studio", true},
		"wrapped by Nix, by its file":            {facts.Process{Exe: ".bitwig-studio-wrapped"}, "bitwig-studio", true},
		"with a version behind a dash":           {facts.Process{Comm: "ardour-8.12.0"}, "ardour", true},
		"with a version and no dash":             {facts.Process{Exe: "python3.13"}, "python", true},
		"with a version of Debian's":             {facts.Process{Comm: "ArdourGUI", Exe: "ardour-7.3.0~ds0"}, "ardour", true},
		"with a version of Debian's, cut":        {facts.Process{Comm: "ardour-7.3.0~ds"}, "ardour", true},
		"with a version and git's hash":          {facts.Process{Exe: "ardour-5.12.ae0dcdc0"}, "ardour", true},
		"not with a hash and no dash":            {facts.Process{Exe: "python3m"}, "python", false},
		"not with words behind a version":        {facts.Process{Exe: "reaper-7-scanner"}, "reaper", false},
		"not by half a name":                     {facts.Process{Comm: "reaper_host"}, "reaper", false},
		"not by a dash alone":                    {facts.Process{Comm: "reaper-"}, "reaper", false},
		"not by another program's beginning":     {facts.Process{Comm: "mixbus32c-9.2"}, "mixbus", false},
		"not by half a file, uncut":              {facts.Process{Exe: ".bitwig-studio-"}, "bitwig-studio", false},
		"not by what only looks wrapped":         {facts.Process{Comm: "."}, "reaper", false},
		"nothing is called by the empty name":    {facts.Process{}, "", false},
		"not by the empty name with a version 1": {facts.Process{Comm: "1"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.p.Named(c.name); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
