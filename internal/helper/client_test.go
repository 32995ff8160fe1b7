package helper_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/internal/helper"
)

func TestAClientSaysWhyThereIsNoAnswer(t *testing.T) {
	t.Parallel()
	const greeting = `{"moded-parrot":1,"version":"9","news":true}` + "\n"
	for name, c := range map[string]struct{ says, want string }{
		"a helper that hangs":                 {"", "moded-parrot did not answer in time"},
		"a helper that hangs after its hello": {greeting, "moded-parrot did not answer in time"},
		"another protocol":                    {`{"moded-parrot":2,"version":"2.0"}` + "\n", `speaks another protocol: 2 (version "2.0"), not 1: restart moded and moded-parrot`},
		"garbage instead of a hello":          {"SSH-2.0-x\n", "not a moded-parrot's"},
		"an endless hello":                    {strings.Repeat("x", 5000), "longer than 256 bytes"},
		"garbage instead of an answer":        {greeting + "]\n", "cannot understand"},
		"a field that nobody knows":           {greeting + `{"lettres":{}}` + "\n", `unknown field "lettres"`},
		"two answers in one line":             {greeting + `{}{}` + "\n", "more than one"},
		"half an answer":                      {greeting + `{"letters":{` + "\x00", "unexpected EOF"},
		"an endless answer":                   {greeting + strings.Repeat("x", 5<<20), "longer than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				_, err := to(c.says).Ask(ctx, question{})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			})
		})
	}
}

func TestACauseAndAnotherProtocolCanBeTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the step was cancelled")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
		defer cancel()
		if _, err := to("").Ask(ctx, question{}); !errors.Is(err, gone) {
			t.Errorf("error is %v", err)
		}
		if _, err := to(`{"moded-parrot":2}`+"\n").Ask(t.Context(), question{}); !errors.Is(err, helper.ErrVersion) {
			t.Errorf("error is %v", err)
		}
	})
}

// to returns a client of a helper that says what it says and listens. A NUL at
// the end hangs up once the question has come.
func to(says string) *client {
	return &client{Protocol: parrot, Dial: func(context.Context) (net.Conn, error) {
		mine, theirs := net.Pipe()
		go saying(theirs, says)
		return mine, nil
	}}
}

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
