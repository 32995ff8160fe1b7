package pipewire_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/agent/pipewire"
)

// told records summaries.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (r *told) add(s pipewire.Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, short(s))
}

func (r *told) times() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines)
}

// feed runs Follow inside a synctest bubble and returns what to write to, the
// summaries so far, and what Follow returned.
func feed(t *testing.T) (*io.PipeWriter, *told, <-chan error) {
	t.Helper()
	r, w := io.Pipe()
	got, end := new(told), make(chan error, 1)
	go func() { end <- pipewire.Follow(t.Context(), r, got.add) }()
	return w, got, end
}

func send(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

func running(id int) string { return doc(node(id, "running", `"media.class":"Stream/Output/Audio"`)) }

func TestABurstIsOneSummary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, got, ended := feed(t)
		send(t, w, running(1))
		time.Sleep(99 * time.Millisecond)
		send(t, w, running(2))
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if got.times() != 0 {
			t.Errorf("told %v before it was quiet", got.lines)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got.times() != 1 {
			t.Errorf("told %v, want one summary", got.lines)
		}
		_ = w.Close()
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("ended with %v, want io.EOF", err)
		}
	})
}

func TestALongBurstIsToldAfterHalfASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, got, ended := feed(t)
		for id := range 10 {
			send(t, w, running(id))
			time.Sleep(60 * time.Millisecond)
		}
		synctest.Wait()
		if got.times() != 1 {
			t.Errorf("told %d times in 600 ms, want once", got.times())
		}
		_ = w.Close()
		<-ended
		if got.times() != 2 {
			t.Errorf("told %d times in all, want the rest at the end of the stream", got.times())
		}
	})
}

func TestWhatChangesNothingIsNotTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, got, ended := feed(t)
		for range 3 {
			send(t, w, running(1))
			time.Sleep(time.Second)
		}
		_ = w.Close()
		<-ended
		if got.times() != 1 {
			t.Errorf("told %d times, want once", got.times())
		}
	})
}

func TestOneWhoPausesForAMomentHasNotStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, got, ended := feed(t)
		suspended := doc(node(1, "suspended", `"media.class":"Stream/Output/Audio"`))
		settle := func(d time.Duration, want int, what string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got.times() != want {
				t.Errorf("%s: told %v, want %d summaries", what, got.lines, want)
			}
		}
		send(t, w, running(1))
		settle(time.Second, 1, "it plays")
		send(t, w, suspended)
		settle(900*time.Millisecond, 1, "the quantum changes")
		send(t, w, running(1))
		settle(2*time.Second, 1, "it plays on")
		send(t, w, suspended)
		settle(900*time.Millisecond, 1, "it is suspended again")
		settle(200*time.Millisecond, 2, "for a second")
		send(t, w, running(1))
		settle(101*time.Millisecond, 3, "it plays again")
		send(t, w, suspended)
		_ = w.Close()
		<-ended
		settle(0, 4, "PipeWire is gone")
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		ctx, stop := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- pipewire.Follow(ctx, r, func(pipewire.Summary) {}) }()
		synctest.Wait()
		stop()
		if err := <-end; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		_ = w.Close()
	})
}
