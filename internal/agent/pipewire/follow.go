package pipewire

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"
)

// A burst of documents, eight when one program ends, is one Summary: sent when
// it was quiet for quietFor, or at the latest after atMost. That fewer nodes run
// is told when it has been so for calmFor: PipeWire suspends all of them for a
// moment when its quantum or its rate changes, and nobody has stopped then.
const (
	quietFor = 100 * time.Millisecond
	atMost   = 500 * time.Millisecond
	calmFor  = time.Second
)

// Follow reads a stream of `pw-dump -m` and calls emit with each Summary that
// differs from the one before, from one goroutine. It returns io.EOF when the
// stream ended between two documents, ErrAmbiguous when it must be begun
// again, or why it could not be read. When ctx ends it returns at once, but
// the goroutine that reads ends with r: the caller closes r then.
func Follow(ctx context.Context, r io.Reader, emit func(Summary)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	docs, ended := make(chan []object), make(chan error, 1)
	go func() { ended <- readAll(ctx, r, docs) }()

	f := follower{emit: emit}
	defer f.quiet.Stop()
	for {
		select {
		case doc := <-docs:
			if err := f.take(doc, time.Now()); err != nil {
				return err
			}
		case <-f.due():
			f.tell(time.Now())
		case err := <-ended:
			f.tell(time.Now().Add(calmFor))
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func readAll(ctx context.Context, r io.Reader, docs chan<- []object) error {
	d := json.NewDecoder(r)
	for {
		doc, err := readDocument(d)
		if err != nil {
			return err
		}
		select {
		case docs <- doc:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follower gathers documents until it is quiet.
type follower struct {
	graph Graph
	emit  func(Summary)
	// begun is when the first document came that is not yet told, zero for
	// none; quiet fires when the burst is over.
	begun time.Time
	quiet timer
	told  bool
	last  Summary
	// fewer is since when fewer nodes run than was told, zero for not.
	fewer time.Time
}

// timer is a time.Timer whose zero value does not run.
type timer struct{ t *time.Timer }

func (t *timer) Reset(d time.Duration) {
	if t.t == nil {
		t.t = time.NewTimer(d)
		return
	}
	t.t.Reset(d)
}

func (t *timer) Stop() {
	if t.t != nil {
		t.t.Stop()
	}
}

func (f *follower) due() <-chan time.Time {
	if f.begun.IsZero() || f.quiet.t == nil {
		return nil
	}
	return f.quiet.t.C
}

func (f *follower) take(doc []object, now time.Time) error {
	if err := f.graph.applyDocument(doc, now); err != nil {
		return err
	}
	if f.begun.IsZero() {
		f.begun = now
	}
	f.quiet.Reset(min(quietFor, max(0, atMost-now.Sub(f.begun))))
	return nil
}

func (f *follower) tell(now time.Time) {
	if f.begun.IsZero() {
		return
	}
	s := f.graph.Summary()
	if left := f.restless(s, now); left > 0 {
		f.quiet.Reset(left)
		return
	}
	f.begun = time.Time{}
	if f.told && s.Equal(f.last) {
		return
	}
	f.told, f.last = true, s
	f.emit(s)
}

// restless is how long it must stay so that fewer nodes run, before it is told.
func (f *follower) restless(s Summary, now time.Time) time.Duration {
	if !f.told || s.Running() >= f.last.Running() {
		f.fewer = time.Time{}
		return 0
	}
	if f.fewer.IsZero() {
		f.fewer = f.begun
	}
	return calmFor - now.Sub(f.fewer)
}

// Equal tells whether two summaries say the same.
func (s Summary) Equal(o Summary) bool {
	return s.Recording == o.Recording && s.Production == o.Production && s.Media == o.Media && s.Total == o.Total &&
		s.Quantum == o.Quantum && s.Rate == o.Rate && s.ForcedQuantum == o.ForcedQuantum && s.ForcedRate == o.ForcedRate &&
		s.Settings == o.Settings && s.IdleSince.Equal(o.IdleSince) &&
		slices.Equal(s.Nodes, o.Nodes) && slices.Equal(s.Clients, o.Clients)
}
