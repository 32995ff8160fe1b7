package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// maxPanics bounds the retries of one job; a kernel that panics more often
// than that is no accident.
const maxPanics = 4

// worker runs jobs, one machine at a time.
type worker struct {
	stage *stage
	img   image
	dir   string
	long  bool
}

// outcome is what came of one job.
type outcome struct {
	results []lab.Result
	panics  int
}

// do runs the job to its end, with a new boot after each kernel panic for what
// is left. A scenario without a result of its own is failed by missing().
func (w *worker) do(ctx context.Context, name string, j job) outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, j.deadline(w.long), errors.New("the machine's deadline is over"))
	defer cancel()
	var out outcome
	left := j
	for {
		got, err := w.attempt(ctx, fmt.Sprintf("%s.%d", name, out.panics), left)
		out.results = append(out.results, got...)
		left.scenarios = without(left.scenarios, got)
		if len(left.scenarios) == 0 {
			return out
		}
		if errors.Is(err, errPanic) && out.panics < maxPanics {
			out.panics++
			say("%s: guest kernel panic %d, booting again", name, out.panics)
			continue
		}
		for i, s := range left.scenarios {
			out.results = append(out.results, missing(s, err, i == 0, filepath.Join(w.dir, fmt.Sprintf("%s.%d", name, out.panics))))
		}
		return out
	}
}

// attempt boots a new machine for the job, and boots it again whenever a
// scenario asked for it, until nothing is left or something went wrong.
func (w *worker) attempt(ctx context.Context, name string, j job) ([]lab.Result, error) {
	m, err := w.prepare(name, j)
	if err != nil {
		return nil, err
	}
	for boots := 1; ; boots++ {
		start := time.Now()
		before := readPart(m)
		end, err := m.boot(ctx)
		say("%s: boot %d over after %s", name, boots, time.Since(start).Round(time.Second))
		again := err == nil && end != endDone && readPart(m) != before && j.fresh
		if !again {
			return readResults(m), endError(end, err)
		}
		_ = os.Rename(m.serial(), fmt.Sprintf("%s.boot%d", m.serial(), boots))
	}
}

// endError turns an end that nobody asked for into an error.
func endError(end ending, err error) error {
	if err == nil && end != endDone {
		return errors.New("the machine stopped before it was done")
	}
	return err
}

// prepare lays out the machine's directory, disk and order.
func (w *worker) prepare(name string, j job) (*machine, error) {
	m := &machine{img: w.img, dir: filepath.Join(w.dir, name), disk: w.img.disk, snapshot: !j.fresh}
	if err := os.RemoveAll(m.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(m.share(), 0o755); err != nil {
		return nil, err
	}
	m.initrd = filepath.Join(w.dir, "initrd")
	switch {
	case j.later:
		m.initrd += "-later"
	case j.packaged:
		m.initrd += "-packaged"
	}
	if j.fresh {
		m.disk = filepath.Join(m.dir, "disk.img")
		if err := copySparse(w.img.disk, m.disk); err != nil {
			return nil, fmt.Errorf("cannot copy the disk: %w", err)
		}
	}
	order := lab.Order{Long: w.long}
	for _, s := range j.scenarios {
		order.Scenarios = append(order.Scenarios, s.Name)
	}
	text, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	return m, os.WriteFile(filepath.Join(m.share(), lab.OrderFile), text, 0o644)
}

// copySparse copies the disk and leaves holes where it is empty.
func copySparse(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	block, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	var size int64
	for {
		n, err := io.ReadFull(in, block)
		if n > 0 && !bytes.Equal(block[:n], zero[:n]) {
			if _, err := out.WriteAt(block[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}

// readPart is the part that the guest wants to run after its next boot.
func readPart(m *machine) string {
	text, _ := os.ReadFile(filepath.Join(m.share(), lab.PartFile))
	return string(text)
}

// readResults reads what the guest has reported; a half line is no result.
func readResults(m *machine) []lab.Result {
	f, err := os.Open(filepath.Join(m.share(), lab.ResultsFile))
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []lab.Result
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return out
		}
		var r lab.Result
		if json.Unmarshal(line, &r) == nil {
			out = append(out, r)
		}
	}
}

// without drops the scenarios that have a result.
func without(infos []lab.Info, got []lab.Result) []lab.Info {
	done := map[string]bool{}
	for _, r := range got {
		done[r.Scenario] = true
	}
	var left []lab.Info
	for _, s := range infos {
		if !done[s.Name] {
			left = append(left, s)
		}
	}
	return left
}

// missing is the row of a scenario that gave no result. The first one of a
// machine gets what is known about the machine's end.
func missing(s lab.Info, err error, first bool, dir string) lab.Result {
	detail := "not run"
	if err != nil {
		detail += ": " + err.Error()
	}
	if first {
		notes, _ := os.ReadFile(filepath.Join(dir, "share", lab.NotesFile))
		detail += "\n" + string(notes) + "\nserial console:\n" + tail(filepath.Join(dir, "serial.log"), 40)
	}
	return lab.Result{Scenario: s.Name, Result: lab.Failed, Detail: detail}
}

// tail gives the last lines of a text file.
func tail(path string, lines int) string {
	text, _ := os.ReadFile(path)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
