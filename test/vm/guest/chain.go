package main

import (
	"slices"
	"strings"
	"time"
)

// stageOf is a step's place in the order of a transition: steps of one stage may
// run side by side, stages follow each other.
func stageOf(step string) int {
	name, leg, _ := strings.Cut(step, " ")
	kind, _, _ := strings.Cut(name, "/")
	if leg == "acquire" {
		return map[string]int{"slices": 5, "user-slices": 5, "tune": 5, "gpus": 6, "gui": 7, "audio": 8, "units": 9, "vllm": 10, "target": 11}[kind]
	}
	return map[string]int{"target": 1, "units": 2, "vllm": 2, "gui": 3, "audio": 4, "gpus": 5, "tune": 5}[kind]
}

// does says whether a job is what the step is about.
func (j *work) does(step string) bool {
	name, _, _ := strings.Cut(step, " ")
	kind, unit, _ := strings.Cut(name, "/")
	if j.user {
		return kind == "audio" || kind == "user-slices"
	}
	switch kind {
	case "target":
		return strings.HasPrefix(j.unit, "moded-") && strings.HasSuffix(j.unit, ".target") || j.unit == "lab-studio.service"
	case "gui":
		return slices.Contains([]string{"lab-session.service", "graphical.target", "user@1000.service"}, j.unit) || strings.HasSuffix(j.unit, ".scope")
	case "vllm":
		return j.unit == "vllm.service"
	case "tune":
		return j.unit == "moded-tune.service"
	default:
		return j.unit == unit
	}
}

// chain is the longest chain of what others did in a transition: of each stage
// the step in which PID 1, dev's manager, logind or the server were at work
// longest. served is when the server was ready.
func (w *witness) chain(served time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest := map[int]time.Duration{}
	for _, st := range w.steps {
		stage := stageOf(st.name)
		longest[stage] = max(longest[stage], w.othersIn(st, served))
	}
	var total time.Duration
	for _, d := range longest {
		total += d
	}
	return total
}

// othersIn is how long others were at work in a step.
func (w *witness) othersIn(st *stepSpan, served time.Time) time.Duration {
	var spans []span
	var last time.Time
	for _, j := range w.done {
		if j.does(st.name) && j.to.After(st.from) && j.from.Before(st.to) {
			spans = append(spans, j.cut(st.span))
			if j.unit == "lab-session.service" {
				last = j.to
			}
			if j.unit == "vllm.service" && strings.HasSuffix(st.name, "acquire") {
				spans = append(spans, span{j.to, served}.cut(st.span))
			}
		}
	}
	if st.name == "gui release" && !last.IsZero() {
		for _, gone := range w.sessions { // from the end of its compositor on the session was logind's
			spans = append(spans, span{last, gone}.cut(st.span))
		}
	}
	return covered(spans)
}
