package helper_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/helper"
)

func TestAQuestionOverARealSocketIsAnswered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := helper.Listen("moded-parrot", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	s := &server{Protocol: parrot, Answer: count, Idle: time.Hour, Patience: time.Minute}
	go func() { served <- s.Serve(ctx, l) }()
	c := &client{Protocol: parrot, Version: "test", Dial: helper.Socket(path)}
	for range 10 {
		if a, err := c.Ask(ctx, question{[]string{"a", "b"}}); err != nil || a.Letters != 2 {
			t.Fatalf("got %+v, %v", a, err)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := c.Ask(context.Background(), question{}); err == nil || !strings.Contains(err.Error(), "cannot reach moded-parrot") {
		t.Errorf("a helper that is gone: %v", err)
	}
}

func TestAHelperGoesWhenNobodyAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		s := &server{Protocol: parrot, Answer: count, Idle: 5 * time.Second, Patience: time.Minute, Allow: anybody}
		start := time.Now()
		served := make(chan error)
		go func() { served <- s.Serve(t.Context(), p) }()
		time.Sleep(4 * time.Second)
		if _, err := p.client().Ask(t.Context(), question{}); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 9*time.Second {
			t.Errorf("it went after %v, want 9s", d)
		}
	})
}

func TestASilentCallerIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if said, problem := told(t, ""); problem == nil || said != "" {
			t.Errorf("it said %q, and %v to us", said, problem)
		}
	})
}

func TestACallerThatIsNotUnderstoodIsDropped(t *testing.T) {
	t.Parallel()
	const mine = `{"moded-parrot":1}` + "\n"
	const greeting = `{"moded-parrot":1,"version":"1.0"}` + "\n"
	for name, c := range map[string]struct{ told, says, problem string }{
		"an older number":   {`{"moded-parrot":7}` + "\n", greeting, "speaks another protocol: 7"},
		"another helper's":  {`{"moded-cuckoo":1}` + "\n", greeting, "speaks another protocol: 0"},
		"no hello":          {"GET / HTTP/1.0\n", "", "not a moded-parrot's"},
		"not a number":      {`{"moded-parrot":"1"}` + "\n", "", "not a moded-parrot's"},
		"an endless hello":  {strings.Repeat("x", 257), "", "longer than 256 bytes"},
		"a long question":   {mine + strings.Repeat("x", 1025), greeting, "longer than 1024 bytes"},
		"an unknown wish":   {mine + `{"cracker":true}` + "\n", greeting, `unknown field "cracker"`},
		"two wishes at one": {mine + "{}{}\n", greeting, "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				said, problem := told(t, c.told)
				if said != c.says || problem == nil || !strings.Contains(problem.Error(), c.problem) {
					t.Errorf("it said %q, and %v to us", said, problem)
				}
			})
		})
	}
}

// told is what a server says to a caller that says text, and what its problem
// with it is.
func told(t *testing.T, text string) (said string, problem error) {
	t.Helper()
	p := newPipes()
	s := &server{Protocol: parrot, Version: "1.0", Answer: count, Idle: time.Second, Patience: 15 * time.Second, Allow: anybody}
	s.Problem = func(err error) { problem = err }
	served := make(chan error)
	go func() { served <- s.Serve(t.Context(), p) }()
	conn, err := p.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(conn, text)
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	return string(raw), problem
}

func TestAPanicCostsOneAnswerOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		served := make(chan error)
		boo := func(context.Context, question) answer { panic("boo") }
		s := &server{Protocol: parrot, Answer: boo, Idle: time.Second, Patience: time.Minute, Allow: anybody}
		go func() { served <- s.Serve(t.Context(), p) }()
		for range 2 {
			if _, err := p.client().Ask(t.Context(), question{}); err == nil {
				t.Error("there was an answer")
			}
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestOnlySoManyAreAnsweredSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		slow := func(ctx context.Context, q question) answer { time.Sleep(time.Second); return count(ctx, q) }
		s := &server{Protocol: parrot, Answer: slow, Slots: 4, Idle: time.Hour, Patience: time.Minute, Allow: anybody}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- s.Serve(ctx, p) }()
		start := time.Now()
		var asking sync.WaitGroup
		for range 12 {
			asking.Go(func() {
				if _, err := p.client().Ask(ctx, question{}); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("twelve questions to four slots took %v, want 3s", d)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestWhoIsNotKnownIsNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		var problem error
		s := &server{Protocol: parrot, Answer: count, Idle: time.Second, Patience: time.Minute}
		s.Problem = func(err error) { problem = err }
		served := make(chan error)
		go func() { served <- s.Serve(t.Context(), p) }()
		if a, err := p.client().Ask(t.Context(), question{[]string{"a"}}); err == nil {
			t.Errorf("a pipe, of which nobody knows the user, was told %+v", a)
		}
		<-served
		if problem == nil || !strings.Contains(problem.Error(), "not a unix socket") {
			t.Errorf("the problem is %v", problem)
		}
	})
}

func TestAListenerThatBreaksIsSaid(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	s := &server{Protocol: parrot, Answer: count, Idle: time.Hour, Patience: time.Minute}
	if err := s.Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), "cannot accept") {
		t.Errorf("error is %v", err)
	}
}
