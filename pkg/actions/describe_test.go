package actions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

// What a plan shows, and how long the engine lets each step take.
func TestStepsAreDescribedAndBounded(t *testing.T) {
	t.Parallel()
	table := actions.New(workstation().Hands())
	greeter := fsm.Session{ID: "c1", User: "gdm", Class: "greeter", Type: "wayland"}
	for name, test := range map[string]struct {
		kind, key string
		want      fsm.Value
		release   bool
		says      string
		bound     time.Duration
	}{
		"gui off": {"gui", "", guiOffEnding(dev, greeter), true,
			"end the GUI: end the login screen; stop display-manager.service, graphical.target",
			6*time.Minute + 90*time.Second},
		"gui on": {"gui", "", guiOn, false, "start the GUI: start display-manager.service, graphical.target", 6*time.Minute + 90*time.Second},
		"unit": {"units", "ai.service", `{"state":"active","environment":{"GPUS":"0,1"},"ready":"http://127.0.0.1/","ready-timeout":"20m"}`, false,
			"start ai.service: with GPUS=0,1; wait until it is ready, for 20m0s at most", 23*time.Minute + 30*time.Second},
		"unit off":  {"units", "ai.service", `{"state":"inactive","stop-timeout":"10s"}`, true, "stop ai.service: ", 2*time.Minute + 10*time.Second},
		"vllm":      {"vllm", "main", vllmBoth, false, "start vllm.service on gpu1, gpu0: wait until it serves qwen, for 20m0s at most", 33*time.Minute + 45*time.Second},
		"ranks":     {"vllm", "main", `{"state":"on","unit":"a.service","url":"u","gpus":[{"name":"others"}],"tensor-parallel":2}`, false, "start a.service on others: tensor parallel over 2 GPUs; wait until it is ready, for 20m0s at most", 31*time.Minute + 45*time.Second},
		"vllm off":  {"vllm", "main", vllmOff, true, "drain and stop vllm.service: wait until its requests have ended, for 2m0s at most", 13*time.Minute + 15*time.Second},
		"barrier":   {"gpus", "gpu0", `{"owner":"nobody"}`, true, "wait until gpu0 is free: until nobody holds it, for 30s at most", time.Minute},
		"barrier 2": {"gpus", "gpu0", `{"owner":"nobody","but":"graphics","release-timeout":"5s"}`, true, "wait until gpu0 is free: until no compute process holds it, for 5s at most", 35 * time.Second},
		"owner":     {"gpus", "gpu0", `{"owner":"compute"}`, false, "give gpu0 to compute: ", time.Minute},
		"slice":     {"slices", "system.slice", `{"cpu-weight":20,"memory-high":18446744073709551615,"allowed-cpus":"3,2"}`, false, `limit system.slice: cpu-weight 20, memory-high unset, allowed-cpus "2-3"`, 0},
		"of users":  {"user-slices", "background.slice", `{"cpu-weight":20}`, false, "limit background.slice of each user: cpu-weight 20", 40 * time.Second},
		"audio off": {"audio", "", `{"state":"off"}`, true, "stop audio of all users: ", time.Minute},
		"realtime":  {"audio", "", `{"state":"realtime","quantum":64,"rate":48000}`, false, "audio in real time: quantum 64; rate 48000", time.Minute},
		"tuning":    {"tune", "", `{"state":"low-latency"}`, false, "tune the kernel for low latency: CPU governor, wake-up latency and swappiness, while moded-tune.service is active", 2 * time.Minute},
		"no tuning": {"tune", "", `{"state":"off"}`, false, "end low-latency tuning: ", 2 * time.Minute},
		"hook":      {"hook", "backup.service", `{}`, false, "run backup.service: ", 10*time.Minute + 30*time.Second},
		"a target":  {"target", "", `{"target":"a.target","start":["b.service","a.target"]}`, false, "enter a.target: start b.service; start a.target", 5 * time.Minute},
		"owner who states settings": {"gpus", "gpu0", `{"owner":"compute","power-limit":"250W","persistence":true,"mig":["3g.20gb","1g.5gb"]}`, false,
			"give gpu0 to compute: power limit 250W; persistence on; MIG 3g.20gb, 1g.5gb", 2 * time.Minute},
		"settings of nobody's": {"gpus", "gpu0", `{"owner":"none","compute-mode":"prohibited"}`, false, "set up gpu0: compute mode prohibited", 2 * time.Minute},
		"isolation": {"target", "", `{"target":"a.target","isolate":true,"start":["a.target"],"doomed":["cups.service"]}`, false,
			"isolate a.target: start a.target; stop cups.service, which the target does not want", 5 * time.Minute},
	} {
		summary, details := table[test.kind].(fsm.Describer).Describe(test.key, test.want, test.release)
		if got := summary + ": " + strings.Join(details, "; "); got != test.says {
			t.Errorf("%s: %q, want %q", name, got, test.says)
		}
		if bounded, ok := table[test.kind].(fsm.Bounded); ok != (test.bound != 0) || ok && bounded.Bound(test.key, test.want) != test.bound {
			t.Errorf("%s: bounded by %v", name, bounded.Bound(test.key, test.want))
		}
	}
}

// Drift is told as what is there instead.
func TestWhatDiffersIsTold(t *testing.T) {
	t.Parallel()
	table := actions.New(workstation().Hands())
	for kind, test := range map[string]struct {
		key   string
		want  fsm.Value
		tells string
	}{
		"slices":      {"system.slice", `{"cpu-weight":20,"allowed-cpus":"2"}`, `it has cpu-weight 100, allowed-cpus ""`},
		"audio":       {"", `{"state":"off"}`, "uid 1000: audio is on"},
		"user-slices": {"background.slice", `{"cpu-weight":20}`, "uid 1000: cpu-weight of background.slice is not as ordered"},
	} {
		if got, err := table[kind].(fsm.Teller).Tell(t.Context(), test.key, test.want); err != nil || got != test.tells {
			t.Errorf("%s tells %q, %v; want %q", kind, got, err, test.tells)
		}
	}
}
