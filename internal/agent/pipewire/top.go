package pipewire

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Clock is what a driver of the graph runs with: everything that is linked to it
// is asked for that many frames at a time.
type Clock struct {
	Driver        string
	Quantum, Rate uint32
}

// topPatience is how long pw-top may need for its two looks, a second apart.
const topPatience = 10 * time.Second

// Measure looks what the drivers that run now run with. Settings are what was
// asked for; this is what came of it. None is no error. A pw-top before 1.0,
// which knows no batch mode, is one.
func (t Tools) Measure(ctx context.Context) ([]Clock, error) {
	ctx, stop := context.WithTimeout(ctx, topPatience)
	defer stop()
	cmd, said, err := t.command(ctx, t.Top, "pw-top", "-b", "-n", "2")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cannot measure the graph: pw-top: %w%s", err, said)
	}
	return parseTop(out.String()), nil
}

// parseTop reads the last look: the first has no measurements yet. A driver's
// line begins with its state, id, quantum and rate; a follower's name has a + or
// a = before it.
func parseTop(said string) []Clock {
	var clocks []Clock
	for line := range strings.Lines(said) {
		f := strings.Fields(line)
		if len(f) > 2 && f[0] == "S" && f[1] == "ID" {
			clocks = nil
			continue
		}
		if len(f) < 5 || f[0] != "R" || slices.Contains(f, "+") || slices.Contains(f, "=") {
			continue
		}
		quantum, err1 := strconv.ParseUint(f[2], 10, 32)
		rate, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil || quantum == 0 || rate == 0 {
			continue
		}
		clocks = append(clocks, Clock{Driver: name(f[len(f)-1]), Quantum: uint32(quantum), Rate: uint32(rate)})
	}
	return clocks
}

func name(word string) string { return clean(text(word)) }
