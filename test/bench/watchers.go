package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// watching are clients that are told all that the daemon says.
type watching struct {
	clients []*manager1.Client
	heard   chan uint32 // the number of holds, from each who is told another one
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// watch has n clients, each with a connection of its own, watch as an applet does.
func (s *scene) watch(ctx context.Context, n int) (*watching, error) {
	ctx, stop := context.WithCancel(ctx)
	w := &watching{stop: stop, heard: make(chan uint32, n)}
	for range n {
		c, err := manager1.Dial(s.address)
		if err != nil {
			w.close()
			return nil, err
		}
		w.clients = append(w.clients, c)
		events, err := c.Watch(ctx)
		if err != nil {
			w.close()
			return nil, fmt.Errorf("cannot watch as client %d: %w", len(w.clients), err)
		}
		w.done.Go(func() { w.listen(ctx, events) })
	}
	return w, nil
}

func (w *watching) listen(ctx context.Context, events <-chan manager1.Event) {
	holds := uint32(0)
	for e := range events {
		if e.Properties == nil || e.Properties.Holds == holds {
			continue
		}
		holds = e.Properties.Holds
		select {
		case w.heard <- holds:
		case <-ctx.Done():
		}
	}
}

// all waits until each client was told how many holds there are.
func (w *watching) all(ctx context.Context, holds uint32) error {
	for range w.clients {
		select {
		case heard := <-w.heard:
			if heard != holds {
				return fmt.Errorf("a watcher was told of %d holds, and there are %d", heard, holds)
			}
		case <-ctx.Done():
			return fmt.Errorf("not all watchers were told: %w", ctx.Err())
		}
	}
	return nil
}

func (w *watching) close() {
	w.stop()
	for _, c := range w.clients {
		_ = c.Close()
	}
	w.done.Wait()
}

// told is what reads took, and what news cost the daemon.
type told struct{ reads, cpu []time.Duration }

// watchers compares the daemon that nobody watches with the one that a thousand
// do, in turn and twice. The news are a hold that comes or goes; reads are timed
// when all have heard, so that the fan-out, which is the bus's, and what the
// watchers make of it is not in them.
func (s *scene) watchers(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	const crowd, rounds = 1000, 2
	var alone, watched told
	for range rounds {
		for _, with := range []struct {
			n  int
			to *told
		}{{0, &alone}, {crowd, &watched}} {
			w, err := s.watch(ctx, with.n)
			if err != nil {
				return nil, err
			}
			err = s.tell(ctx, w, with.to)
			w.close()
			if err != nil {
				return nil, err
			}
		}
	}
	return []row{
		compare("Properties.Get with 1,000 watchers (p50)", ms(median(watched.reads)), ms(median(alone.reads)), "with none", "ms", 1.2),
		compare("CPU of moded for a change, 1,000 watchers (p50)", ms(median(watched.cpu)), ms(median(alone.cpu)), "with none", "ms", 1.2),
	}, nil
}

func (s *scene) tell(ctx context.Context, w *watching, to *told) error {
	const changes = 20
	client := manager1.New(s.conn)
	for range changes {
		var cookie uint32
		hold := func() (err error) {
			cookie, err = client.Hold(ctx, manager1.HoldAutomatic, "bench", "who is told")
			return err
		}
		if err := s.change(ctx, w, to, 1, hold); err != nil {
			return err
		}
		release := func() error { return client.Release(ctx, cookie) }
		if err := s.change(ctx, w, to, 0, release); err != nil {
			return err
		}
	}
	return nil
}

// change makes news, lets all hear them, and reads for a while.
func (s *scene) change(ctx context.Context, w *watching, to *told, holds uint32, do func() error) error {
	const reads = 100
	time.Sleep(pace)
	before, err := used(s.moded)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := w.all(ctx, holds); err != nil {
		return err
	}
	time.Sleep(pace) // with nobody to hear, the daemon is not done when the call is
	after, err := used(s.moded)
	if err != nil {
		return err
	}
	to.cpu = append(to.cpu, after-before)
	for range reads {
		began := time.Now()
		if _, err := s.get(ctx, manager1.BusName, manager1.Path, manager1.Interface, "Mode"); err != nil {
			return err
		}
		to.reads = append(to.reads, time.Since(began))
	}
	return nil
}
