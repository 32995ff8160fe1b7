package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// residentKiB is how much memory the applet's window has.
func (p *plasma) residentKiB() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.window.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		return 0, errors.New("the kernel tells no VmRSS")
	}
	return strconv.Atoi(string(m[1]))
}

// handled are the milliseconds that the applet needed for each answer.
var handled = regexp.MustCompile(`(\w+): handled in (\d+) ms`)

func (p *plasma) handledAll() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(out, plasmaLog))
	var all []int
	for _, m := range handled.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(m[2]))
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, err
}

func (p *plasma) leaves(ctx context.Context, t *trial) error {
	before, err := p.handledAll()
	if err != nil {
		return err
	}
	first, err := p.residentKiB()
	if err != nil {
		return err
	}
	// Each hold that comes and goes makes the applet ask for everything anew.
	for range 40 {
		cookie, err := t.manager.Hold(ctx, "automatic", "test", "desktop-test")
		if err != nil {
			return err
		}
		if err := p.sees(ctx, "Kept by test of root: desktop-test"); err != nil {
			return err
		}
		if err := t.manager.Release(ctx, cookie); err != nil {
			return err
		}
		if err := p.loses(ctx, "Kept by test"); err != nil {
			return err
		}
	}
	after, err := p.handledAll()
	if err != nil {
		return err
	}
	last, err := p.residentKiB()
	t.note("%d answers, %d KiB more", len(after)-len(before), last-first)
	if err == nil && last-first > 16<<10 {
		err = fmt.Errorf("the applet grew from %d to %d KiB", first, last)
	}
	return err
}

// quick asks for the median: on a busy machine, the slowest is the machine's.
func (p *plasma) quick(_ context.Context, t *trial) error {
	all, err := p.handledAll()
	if err != nil {
		return err
	}
	if len(all) < 100 {
		return fmt.Errorf("only %d answers were measured", len(all))
	}
	slices.Sort(all)
	slow := len(all) - sort.SearchInts(all, 5)
	t.note("%d answers, median %d ms, slowest %d ms, %d above 4 ms", len(all), all[len(all)/2], all[len(all)-1], slow)
	if all[len(all)/2] > 4 {
		return errors.New("most answers take longer than 4 ms to handle")
	}
	return nil
}

func (p *plasma) silent(context.Context, *trial) error {
	text, err := os.ReadFile(filepath.Join(out, plasmaLog))
	if err != nil {
		return err
	}
	if lines := complaints(string(text)); len(lines) > 0 {
		return errors.New(strings.Join(lines, "\n"))
	}
	return p.window.alive()
}

// complaints are the lines of Plasma's log that are about the applet.
func complaints(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		for _, sign := range []string{"plasmoids/" + applet, "TypeError", "ReferenceError", "Binding loop", "kf.i18n", "error when loading"} {
			if strings.Contains(line, sign) {
				lines = append(lines, strings.TrimSpace(line))
				break
			}
		}
	}
	return lines
}
