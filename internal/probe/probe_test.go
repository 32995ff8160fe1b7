package probe_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// looker answers with a load of as many CPUs as names were asked for.
type looker struct{ hang, panics bool }

func (l looker) Look(ctx context.Context, q probe.Question) probe.Answer {
	if l.panics {
		panic("boo")
	}
	if l.hang {
		<-ctx.Done()
	}
	return probe.Answer{Load: &facts.Load{CPUs: len(q.Processes)}}
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return nil }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return mine, nil
	case <-p.done:
		return nil, errors.New("nobody listens")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestAQuestionOverARealSocketIsAnswered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	s := &probe.Server{Looker: looker{}, Idle: time.Hour, Patience: time.Minute, Allow: probe.SameUser}
	go func() { served <- s.Serve(ctx, l) }()
	for range 10 {
		a, err := probe.NewClient(path, "test").Ask(ctx, probe.Question{Processes: []string{"a", "b"}})
		if err != nil || a.Load == nil || a.Load.CPUs != 2 {
			t.Fatalf("got %+v, %v", a, err)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := probe.NewClient(path, "").Ask(context.Background(), probe.Question{}); err == nil {
		t.Error("a probe that is gone answered")
	}
}

func TestTheProbeGoesWhenNobodyAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		s := &probe.Server{Looker: looker{}, Idle: 5 * time.Second, Patience: time.Minute}
		start := time.Now()
		served := make(chan error)
		go func() { served <- s.Serve(t.Context(), p) }()
		time.Sleep(4 * time.Second)
		if _, err := probe.NewClientOn(p.dial, "").Ask(t.Context(), probe.Question{}); err != nil {
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
		p := newPipes()
		var problem error
		s := &probe.Server{Looker: looker{}, Idle: time.Second, Patience: 15 * time.Second, Problem: func(err error) { problem = err }}
		served := make(chan error)
		go func() { served <- s.Serve(t.Context(), p) }()
		conn, err := p.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Error(err)
		}
		if <-served; problem == nil {
			t.Error("nobody was told")
		}
	})
}

func TestAPanicCostsOneAnswerOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		served := make(chan error)
		s := &probe.Server{Looker: looker{panics: true}, Idle: time.Second, Patience: time.Minute}
		go func() { served <- s.Serve(t.Context(), p) }()
		for range 2 {
			if _, err := probe.NewClientOn(p.dial, "").Ask(t.Context(), probe.Question{}); err == nil {
				t.Error("there was an answer")
			}
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestAClientSaysWhyThereIsNoAnswer(t *testing.T) {
	t.Parallel()
	const greeting = `{"moded-probe":1,"version":"9","news":true}` + "\n"
	for name, c := range map[string]struct{ says, want string }{
		"a probe that hangs":                 {"", "did not answer in time"},
		"a probe that hangs after its hello": {greeting, "did not answer in time"},
		"another protocol":                   {`{"moded-probe":2,"version":"2.0"}` + "\n", `speaks another protocol: 2 (version "2.0"), not 1`},
		"garbage instead of a hello":         {"SSH-2.0-x\n", "not a moded-probe's"},
		"an endless hello":                   {strings.Repeat("x", 5000), "longer than 256 bytes"},
		"garbage instead of an answer":       {greeting + "]\n", "cannot understand"},
		"a field that nobody knows":          {greeting + `{"loda":{}}` + "\n", `unknown field "loda"`},
		"two answers in one line":            {greeting + `{}{}` + "\n", "more than one"},
		"half an answer":                     {greeting + `{"load":{` + "\x00", "unexpected EOF"},
		"an endless answer":                  {greeting + strings.Repeat("x", 5<<20), "longer than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				dial := func(context.Context) (net.Conn, error) {
					mine, theirs := net.Pipe()
					go saying(theirs, c.says)
					return mine, nil
				}
				_, err := probe.NewClientOn(dial, "").Ask(ctx, probe.Question{})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			})
		})
	}
}

// saying is a peer that says what it says and listens. A NUL at the end hangs
// up once the question has come.
func saying(conn net.Conn, says string) {
	heard := make(chan struct{})
	go func() {
		r := bufio.NewReader(conn)
		_, _ = r.ReadString('\n')
		_, _ = r.ReadString('\n')
		close(heard)
		_, _ = io.Copy(io.Discard, r)
	}()
	text, hangUp := strings.CutSuffix(says, "\x00")
	_, _ = io.WriteString(conn, text)
	if hangUp {
		<-heard
		_ = conn.Close()
	}
}

func TestAProbeTellsAnOldBrainItsNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		served := make(chan error)
		s := &probe.Server{Looker: looker{}, Version: "1.0", Idle: time.Second, Patience: time.Minute}
		go func() { served <- s.Serve(t.Context(), p) }()
		conn, err := p.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, `{"moded-probe":7}`+"\n")
		said, err := io.ReadAll(conn)
		if want := `{"moded-probe":1,"version":"1.0"}` + "\n"; err != nil || string(said) != want {
			t.Errorf("it said %q, %v", said, err)
		}
		<-served
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"load":{"cpus":8,"load1":0.5},"gpus":{"list":[{"pci":"0000:01:00.0","holders":[{"pid":1}]}]}}`))
	f.Add([]byte(`{"process":{"unknown":"x","list":null,"audio":[{"clients":["a"]}]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		probe.DecodeAnswer(line)
	})
}
