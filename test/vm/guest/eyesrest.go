package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// noProbe waits until the eyes have gone: nobody asks.
func (t *T) noProbe() {
	t.Eventually("no moded-probe is left", 30*time.Second, func() error {
		if r := t.Quiet("pgrep", "-a", "moded-probe"); r.code == 0 {
			return fmt.Errorf("%s", r.all)
		}
		return nil
	})
	if state := t.unit("moded-probe.service", "Result"); state != "success" {
		t.Errorf("moded-probe.service ended with %s", state)
	}
}

// Over how long nothing is asked, and what the agent may use up meanwhile: one
// processor's clock ticks, and how often it was awake.
const (
	restSeconds = 30
	restTicks   = 5
	restWakes   = 30
	agentRSS    = 14 << 10 // KiB
)

// eyesAtRest: who is not asked costs nothing. No eyes are left, and the agent
// sleeps while the graph stays as it is.
func eyesAtRest(t *T) {
	t.says("audio-idle", passes)
	t.noProbe()
	agent := strings.TrimSpace(t.userctl("dev", "show", "moded-agent.service", "-p", "MainPID", "--value").out)
	t.Eventually("the graph is at rest", time.Minute, func() error {
		before := t.agentUse(agent)
		time.Sleep(5 * time.Second)
		if after := t.agentUse(agent); after.wakes != before.wakes {
			return fmt.Errorf("%+v, then %+v", before, after)
		}
		return nil
	})
	before := t.agentUse(agent)
	time.Sleep(restSeconds * time.Second)
	after := t.agentUse(agent)
	t.Logf("the agent in %d s: %d ticks, %d times awake", restSeconds, after.ticks-before.ticks, after.wakes-before.wakes)
	if after.ticks-before.ticks > restTicks || after.wakes-before.wakes > restWakes {
		t.Errorf("the agent does not sleep: %+v, then %+v", before, after)
	}
	r := t.Run("grep", "-E", "^(VmRSS|RssAnon|RssFile|Threads)", "/proc/"+agent+"/status")
	if rss := firstNumber(r.out, "VmRSS:"); rss == 0 || rss > agentRSS {
		t.Errorf("the agent has %d KiB of memory, want at most %d", rss, agentRSS)
	}
	if r := t.Run("pgrep", "-a", "moded-probe"); r.code == 0 {
		t.Errorf("moded-probe runs")
	}
}

// use is what a process has used up so far.
type use struct{ ticks, wakes int }

// agentUse adds up all threads, as the kernel counts them.
func (t *T) agentUse(pid string) use {
	var u use
	u.ticks, _ = strconv.Atoi(strings.TrimSpace(t.Quiet("awk", "{print $14+$15}", "/proc/"+pid+"/stat").out))
	wakes := t.Quiet("sh", "-c", "awk '/ctxt_switches/ {n += $2} END {print n}' /proc/"+pid+"/task/*/status")
	u.wakes, _ = strconv.Atoi(strings.TrimSpace(wakes.out))
	return u
}

// firstNumber finds the number behind a word.
func firstNumber(text, word string) int {
	_, rest, _ := strings.Cut(text, word)
	n := 0
	if f := strings.Fields(rest); len(f) > 0 {
		n, _ = strconv.Atoi(f[0])
	}
	return n
}
