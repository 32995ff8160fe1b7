package fsm_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modectl/moded/pkg/fsm"
)

func TestInARoundAQuestionIsAskedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	ask := func(context.Context) (int32, error) { return asked.Add(1), nil }
	one := fsm.Round(t.Context())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if n, err := fsm.Once(one, "gpus", ask); n != 1 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
	wg.Wait()
	for name, c := range map[string]struct {
		ctx      context.Context
		question string
		want     int32
	}{
		"the same in the same round":  {one, "gpus", 1},
		"another question":            {one, "units", 2},
		"the same in the next round":  {fsm.Round(one), "gpus", 3},
		"the same outside of a round": {t.Context(), "gpus", 4},
	} {
		asked.Store(c.want - 1)
		if n, _ := fsm.Once(c.ctx, c.question, ask); n != c.want {
			t.Errorf("%s: got %d, want %d", name, n, c.want)
		}
	}
}

func TestInARoundAQuestionWithoutAnAnswerIsAskedAgain(t *testing.T) {
	t.Parallel()
	blind := errors.New("too dark")
	ctx := fsm.Round(t.Context())
	if _, err := fsm.Once(ctx, "gpus", func(context.Context) (string, error) { return "", blind }); !errors.Is(err, blind) {
		t.Errorf("error is %v", err)
	}
	if v, err := fsm.Once(ctx, "gpus", func(context.Context) (string, error) { return "two", nil }); v != "two" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}
