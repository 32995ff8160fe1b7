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
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// look answers with a load of as many CPUs as names were asked for.
func look(_ context.Context, q probe.Question) probe.Answer {
	return probe.Answer{Load: &facts.Load{CPUs: len(q.Processes)}}
}

// serving returns the socket of a probe, and what its Serve returns.
func serving(ctx context.Context, t *testing.T) (path string, served <-chan error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ch := make(chan error, 1)
	s := &probe.Server{Protocol: probe.Protocol, Version: "1.0", Answer: look, Idle: time.Hour, Patience: time.Minute}
	go func() { ch <- s.Serve(ctx, l) }()
	return path, ch
}

func TestAQuestionOverARealSocketIsAnswered(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	path, served := serving(ctx, t)
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

// An old brain beside a new probe, or the reverse, depend on each byte of these.
func TestTheLinesOfBothSides(t *testing.T) {
	t.Parallel()
	path, _ := serving(t.Context(), t)
	for says, want := range map[string]string{
		`{"moded-probe":9}`: `{"moded-probe":3,"version":"1.0"}` + "\n",
		`{"moded-probe":3,"version":"0.9","news":true}` + "\n" + `{"processes":["a"]}`: `{"moded-probe":3,"version":"1.0"}` + "\n" +
			`{"load":{"cpus":1,"load1":0,"load5":0,"load15":0}}` + "\n",
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, says+"\n")
		said, err := io.ReadAll(conn)
		if err != nil || string(said) != want {
			t.Errorf("to %q it said %q, %v", says, said, err)
		}
	}
	brain, conn := net.Pipe()
	c := &probe.Client{Protocol: probe.Protocol, Version: "1.0", Dial: func(context.Context) (net.Conn, error) { return brain, nil }}
	go c.Ask(t.Context(), probe.Question{Load: true, GPUs: true})
	r := bufio.NewReader(conn)
	first, _ := r.ReadString('\n')
	io.WriteString(conn, `{"moded-probe":3}`+"\n")
	second, _ := r.ReadString('\n')
	if first != `{"moded-probe":3,"version":"1.0"}`+"\n" || second != `{"load":true,"gpus":true}`+"\n" {
		t.Errorf("the brain says %q, then %q", first, second)
	}
	_ = conn.Close()
}

func TestAClientSaysWhyThereIsNoAnswer(t *testing.T) {
	t.Parallel()
	const greeting = `{"moded-probe":3,"version":"9","news":true}` + "\n"
	for name, c := range map[string]struct{ says, want string }{
		"another protocol":           {`{"moded-probe":4,"version":"2.0"}` + "\n", `speaks another protocol: 4 (version "2.0"), not 3`},
		"garbage instead of a hello": {"SSH-2.0-x\n", "not a moded-probe's"},
		"a field that nobody knows":  {greeting + `{"loda":{}}` + "\n", `unknown field "loda"`},
		"an endless answer":          {greeting + strings.Repeat("x", 5<<20), "longer than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			brain, conn := net.Pipe()
			go io.Copy(io.Discard, conn)
			go io.WriteString(conn, c.says)
			client := &probe.Client{Protocol: probe.Protocol, Dial: func(context.Context) (net.Conn, error) { return brain, nil }}
			_, err := client.Ask(t.Context(), probe.Question{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if another := strings.HasPrefix(name, "another"); another != errors.Is(err, helper.ErrVersion) {
				t.Errorf("%v is ErrVersion: %v", err, !another)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"load":{"cpus":8,"load1":0.5},"gpus":{"list":[{"pci":"0000:01:00.0","holders":[{"pid":1}]}]}}`))
	f.Add([]byte(`{"process":{"unknown":"x","list":null,"audio":[{"clients":["a"]}]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		helper.Decode[probe.Answer](line)
	})
}
