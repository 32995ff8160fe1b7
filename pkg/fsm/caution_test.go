package fsm_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/modectl/moded/pkg/fsm"
)

// A step that did its work by another way than planned, or in the background,
// says so where people look.
func TestWhatAStepCautionsOfIsDegradedAndInTheMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("desktop")
		w.Cautions = map[string]string{"units/a": "it was stopped without a drain"}
		e := start(t, w)
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "studio"})
		s := e.State()
		said := func(text string) bool { return strings.HasSuffix(text, ": it was stopped without a drain") }
		if s.Mode != "studio" || !slices.ContainsFunc(s.Degraded, said) || !said(s.Last.Message) {
			t.Errorf("%s, degraded %q, message %q", s.Mode, s.Degraded, s.Last.Message)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := studioWithoutAI()
		w.Cautions = map[string]string{"vllm/main": "it has one GPU only"}
		e := startWith(t, w, w.Config(withAI(t)))
		defer stop(t, e)
		goes(t, e, fsm.Request{Mode: "desktop"})
		synctest.Wait()
		if s := e.State(); !slices.ContainsFunc(s.Degraded, func(text string) bool { return strings.HasSuffix(text, ": it has one GPU only") }) {
			t.Errorf("degraded %q", s.Degraded)
		}
	})
}
