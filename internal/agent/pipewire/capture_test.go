package pipewire_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/agent/pipewire"
)

var update = flag.Bool("update", false, "write golden files anew")

// TestPipeWire14 judges what PipeWire 1.4.2 of Debian 13 said on a machine with
// a sound card: one dump of each state that a guard tells apart, and the stream
// of `pw-dump -m` that led through all of them until PipeWire was killed, with
// a line for each document after which the summary was another one. What plays
// no part in it (modules, factories, devices, ports, formats) is left out.
func TestPipeWire14(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/pipewire-1.4/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	var got strings.Builder
	for _, file := range files {
		fmt.Fprintf(&got, "%s\n", filepath.Base(file))
		summaries(t, &got, file)
	}
	const golden = "testdata/pipewire-1.4/summaries.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got.String() != string(want) {
		t.Errorf("%v; got\n%s", err, got.String())
	}
}

// summaries writes the summary after each document that changed it.
func summaries(t *testing.T, out io.Writer, file string) {
	t.Helper()
	f, err := os.Open(file) // #nosec G304 -- a capture
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var g pipewire.Graph
	last := ""
	d := json.NewDecoder(f)
	for n := 1; ; n++ {
		err := g.ReadDocument(d, noon.Add(time.Duration(n)*time.Second))
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s, document %d: %v", file, n, err)
		}
		s := g.Summary()
		line := short(s)
		if s.ForcedQuantum != 0 {
			line += fmt.Sprintf(" forced=%d", s.ForcedQuantum)
		}
		if line != last {
			fmt.Fprintf(out, "%5d %s\n", n, line)
		}
		last = line
	}
}
