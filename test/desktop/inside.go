package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkLimit ends a check that waits for what does not come. It is no measure:
// a machine under load is slow.
const checkLimit = 5 * time.Minute

// insideTest is what the runner does as PID 1 of the system under test.
func insideTest(ctx context.Context, o options) (bool, error) {
	wanted, err := chooseFaces(o.face)
	if err != nil {
		return false, err
	}
	f := wanted[0]
	results := runFace(ctx, f, o.check)
	ok := len(results) > 0
	for _, r := range results {
		ok = ok && r.Pass
	}
	return ok, writeJSON("/out/report.json", results)
}

// runFace brings a face up and lets it show what it can.
func runFace(ctx context.Context, f face, only string) []result {
	const up = "the desktop comes up"
	w, err := bringUp(ctx, f)
	if err != nil {
		r := failed(f.name(), up, err)
		r.print()
		return []result{r}
	}
	var results []result
	for _, c := range f.checks() {
		if !wanted(c.name, only) {
			continue
		}
		r := runCheck(ctx, f, c, w)
		r.print()
		results = append(results, r)
	}
	return results
}

// wanted tells whether a name has one of some texts in it, which bars separate.
func wanted(name, texts string) bool {
	return slices.ContainsFunc(strings.Split(texts, "|"), func(text string) bool { return strings.Contains(name, text) })
}

// bringUp starts the system and the desktop in it.
func bringUp(ctx context.Context, f face) (*world, error) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	w, err := newWorld(ctx, f)
	if err != nil {
		return nil, err
	}
	return w, f.start(ctx, w)
}

// runCheck runs one check on a fresh simulated machine.
func runCheck(ctx context.Context, f face, c check, w *world) result {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	start, t := time.Now(), &trial{world: w}
	err := w.fresh(ctx, daemon{})
	if err == nil {
		err = guarded(func() error { return c.run(ctx, t) })
	}
	r := result{Face: f.name(), Check: c.name, Pass: err == nil, Notes: t.notes, Seconds: time.Since(start).Seconds()}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// guarded makes a panic of a check an error of that check.
func guarded(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return run()
}

// until asks again and again until it is so, and says what it waited for, and
// why it is not so, when the time is over.
func until(ctx context.Context, what string, so func() error) error {
	var last error
	for {
		err := so()
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if errors.Is(err, errGone) {
			return fmt.Errorf("cannot wait for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, errors.Join(last, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
