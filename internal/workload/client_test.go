package workload_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/facts"
)

// answering is a client of a helper that always gives the same answer.
func answering(t *testing.T, a workload.Answer) workload.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &helper.Server[workload.Question, workload.Answer]{
		Protocol: workload.Protocol, Idle: time.Minute, Patience: time.Minute,
		Answer: func(context.Context, workload.Question) workload.Answer { return a },
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return workload.NewClient(path, "1")
}

func TestWhatTheHelperSaysIsFitToBeShown(t *testing.T) {
	t.Parallel()
	const dirty, clean = "a\x1b[2J\nb\u202e", "a?[2J?b?"
	part := func(s string) facts.Part { return facts.Part{Unknown: s} }
	all := func(s string) workload.Answer {
		return workload.Answer{
			Detail: s, Unpaused: s,
			Serving: &workload.Serving{Problem: s, Models: []string{s}, Unlisted: s, Uncounted: s},
			VLLM:    &facts.VLLM{Part: part(s), List: []facts.VLLMServer{{Part: part(s), Name: "main", Models: []string{s}}}},
			Web:     &facts.Web{Part: part(s), List: []facts.DAW{{Part: part(s), URL: "http://localhost", User: s, State: s}}},
			Pods:    &facts.Pods{Part: part(s), Node: s, List: []facts.Pod{{Namespace: s, Name: s, UID: s, Phase: s, Owner: s}}},
		}
	}
	c := answering(t, all(dirty))
	got, err := c.Look(t.Context(), workload.Question{Node: "."})
	if diff := cmp.Diff(all(clean), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if err := c.Ready(t.Context(), "http://127.0.0.1/"); err == nil || err.Error() != clean {
		t.Errorf("ready: %v", err)
	}
}

func TestSentencesHaveAnEnd(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		" no answer\n":              "no answer",
		"\xff\x00\u200b":            "???",
		strings.Repeat("ü", 200):    strings.Repeat("ü", 200),
		strings.Repeat("ü", 100000): strings.Repeat("ü", 200) + "…",
	} {
		if got := workload.Words(text); got != want {
			t.Errorf("%.20q: %q", text, got)
		}
	}
}
