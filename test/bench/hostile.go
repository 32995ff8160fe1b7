package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/fsm"
)

// grace is what an answer may take beside the budget of its parts: to start the
// looks, to write and to read it, on a machine with so many processes.
const grace = 250 * time.Millisecond

// hostileHolding is how many of the hostile machine's processes hold the device
// file: of each name that they have, one at least.
const hostileHolding = 24

// hostile asks on a machine that somebody filled with processes whose names lie,
// in cgroups that are deep and named to be misread, with a DAW among them. That
// the probe is late makes a row; that it says something wrong ends the bench.
func (s *scene) hostile(ctx context.Context, processes int) ([]row, error) {
	program, err := s.crowdProgram(ctx)
	if err != nil {
		return nil, err
	}
	pits, err := digPits()
	if err != nil {
		fmt.Println("the hostile machine has no deep cgroups:", err)
	}
	defer pits.fill()
	many, err := gather(program, crowdOf{processes: processes, hostile: true, file: device, holders: hostileHolding, cgroup: pits.deep})
	if err != nil {
		return nil, err
	}
	defer many.disperse()
	reaper := filepath.Join(s.dir, "reaper")
	if err := os.Link(program, reaper); err != nil {
		return nil, err
	}
	daw, err := gather(reaper, crowdOf{processes: 1, fds: perProcess, cgroup: pits.deepest})
	if err != nil {
		return nil, err
	}
	defer daw.disperse()
	e, err := openEye(ctx, s.bin, s.dir, time.Minute)
	if err != nil {
		return nil, err
	}
	defer e.shut()
	if err := errors.Join(cleanHolders(ctx, s.bin), noWait(ctx, s.bin, s.dir)); err != nil {
		return nil, err
	}
	var rows []row
	m := look.New()
	for _, c := range []struct {
		who     string
		patient bool
		limit   time.Duration
	}{{"who cannot wait", false, m.Budget}, {"who decides", true, m.Patience}} {
		took, known, err := askHostile(ctx, e, c.patient)
		if err != nil {
			return nil, err
		}
		fmt.Printf("hostile machine, %d processes, for one %s: %.0f ms, %s\n", processes, c.who, ms(took), known)
		name := fmt.Sprintf("hostile machine of %d processes, answer to one %s", processes, c.who)
		rows = append(rows, budget(name, ms(took), ms(c.limit+theWindow+grace), "ms"))
	}
	return rows, notPassed(ctx, e)
}

// askHostile asks all that the guards need and sees that the answer has nothing
// in it that could move a cursor.
func askHostile(ctx context.Context, e *eye, patient bool) (took time.Duration, known string, err error) {
	var raw bytes.Buffer
	client := probe.NewClient(e.socket, "bench")
	dial := helper.Socket(e.socket)
	client.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		return tee{conn, &raw}, err
	}
	q := probe.Question{Load: true, Memory: true, Audio: true, Sound: true, GPUs: true, Usage: true, Jobs: true,
		Processes: []string{"reaper"}, Patient: patient}
	began := time.Now()
	a, err := client.Ask(ctx, q)
	took = time.Since(began)
	if err != nil {
		return 0, "", err
	}
	if err := harmless(raw.Bytes()); err != nil {
		return 0, "", err
	}
	if a.Process.Known() && len(a.Process.List) == 0 {
		return 0, "", errors.New("the DAW is neither seen nor unknown")
	}
	known = "all was seen"
	if !a.Process.Known() {
		known = "the processes are unknown: " + a.Process.Unknown
	}
	return took, known, nil
}

// tee keeps what is read of a connection.
type tee struct {
	net.Conn
	to io.Writer
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	_, _ = t.to.Write(p[:n]) // a buffer
	return n, err
}

// harmless fails when a text has a control character, as a byte or, being JSON,
// as an escape.
func harmless(raw []byte) error {
	if i := bytes.IndexFunc(raw, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) || r == utf8.RuneError }); i >= 0 {
		return fmt.Errorf("byte %d of the answer is no printable text: %q", i, raw[i:min(i+20, len(raw))])
	}
	for line := range bytes.Lines(raw) {
		dec := json.NewDecoder(bytes.NewReader(line))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("the answer is not JSON: %w", err)
			}
			text, ok := token.(string)
			if ok && slices.ContainsFunc([]rune(text), func(r rune) bool { return !unicode.IsPrint(r) }) {
				return fmt.Errorf("the answer has %q in it", text)
			}
		}
	}
	return nil
}

// cleanHolders sees that the holders of the device file are all found, or none
// is said to be known, and that their names are clean.
func cleanHolders(ctx context.Context, bin string) error {
	began := time.Now()
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "moded-probe"), "holders", "--json", device).Output()
	took := time.Since(began)
	if bad := harmless(out); bad != nil {
		return fmt.Errorf("moded-probe holders: %w", bad)
	}
	if n := len(ofJSON(string(out))); err == nil && n < hostileHolding {
		return fmt.Errorf("moded-probe holders found %d of %d holders and calls that an answer:\n%s", n, hostileHolding, out)
	}
	fmt.Printf("hostile machine: moded-probe holders took %.0f ms\n", ms(took))
	return nil
}

// noWait sees that a FIFO where a file is expected holds nobody up.
func noWait(ctx context.Context, bin, dir string) error {
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	out, _ := exec.CommandContext(ctx, filepath.Join(bin, "moded-probe"), "holders", "--json", fifo).Output() // an error is an answer too
	if ctx.Err() != nil {
		return errors.New("moded-probe holders waits for a FIFO")
	}
	return harmless(out)
}

// notPassed sees that a program that runs is not passed. The guard set is asked
// beside it for its texts: its own guard on DAWs may well pass one that is silent.
func notPassed(ctx context.Context, e *eye) error {
	specs := append(guardSet(), fsm.GuardSpec{Name: "no-reaper", Kind: "process", Params: fsm.Value(`{"names":["reaper"]}`)})
	verdicts, err := judge(ctx, &asker{client: e.client}, specs)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := harmless(raw); err != nil {
			return fmt.Errorf("verdict of %s: %w", v.Guard, err)
		}
	}
	last := verdicts[len(verdicts)-1]
	if last.Outcome != fsm.Deny && last.Outcome != fsm.Unknown {
		return fmt.Errorf("reaper runs and is not in the way: %+v", last)
	}
	fmt.Printf("hostile machine: %s is %s (%s)\n", last.Guard, last.Outcome, last.Summary)
	return nil
}
