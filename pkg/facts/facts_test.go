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
	if back.Memory.Total != 7 || len(back.Process.List) == 0 {
		t.Error("what matters was cut as well")
	}
	if len(f.Process.List) != 5000 || len(f.Process.Audio[0].Clients) != 6 {
		t.Error("recording changed the facts")
	}
}
