package actions

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// Preflight tells whether the unit would have the GPUs that it is given, and let
// go of them again.
func (a vllm) Preflight(ctx context.Context, _ string, want fsm.Value) error {
	v, err := decodeVLLM(want)
	if err != nil || v.State == "off" {
		return err
	}
	s, err := a.jobs.usable(ctx, v.Unit)
	if err != nil {
		return err
	}
	if !(units{Hands: a.Hands}).reads(v.Unit, s) {
		return fmt.Errorf("%s would not be told its GPUs: add the line EnvironmentFile=%s to its [Service] section"+
			" (without a dash: without the file it must not start, with all GPUs)", v.Unit, (units{Hands: a.Hands}).envFile(v.Unit))
	}
	service, err := a.Services.Service(ctx, v.Unit)
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w", v.Unit, err)
	}
	if service.KillMode == "process" || service.KillMode == "none" {
		return fmt.Errorf("KillMode=%s of %s would leave its engine on the GPUs when it stops: say KillMode=mixed", service.KillMode, v.Unit)
	}
	given, err := a.given(ctx, v)
	if err != nil {
		return err
	}
	return v.fits(len(given), service.Command)
}

var (
	_ fsm.Adviser    = vllm{}
	_ fsm.Gatekeeper = vllm{}
)

// Advise tells that a server which is held down has no gate.
func (a vllm) Advise(ctx context.Context, _ string, want fsm.Value) []fsm.Advice {
	v, err := decodeVLLM(want)
	if err != nil || v.State != "off" {
		return nil
	}
	return a.jobs.ungated(ctx, v.Unit)
}

// Gates is the server's, while it is off.
func (vllm) Gates(_ string, want fsm.Value) []string {
	if v, err := decodeVLLM(want); err == nil && v.State == "off" {
		return []string{v.Unit}
	}
	return nil
}

// fits tells whether so many GPUs are enough for the ranks, and whether the unit
// leaves the number of ranks to us. One that states it starts that many whatever
// it is told.
func (v vllmValue) fits(gpus int, command []string) error {
	ranks := v.Ranks
	if ranks == 0 {
		ranks = gpus
	}
	if ranks > gpus {
		return fmt.Errorf("tensor-parallel is %d, and %s is given %d GPU(s)", ranks, v.Unit, gpus)
	}
	own, stated := declaredRanks(command)
	if stated && (own > gpus || own%ranks != 0) {
		return fmt.Errorf("%s states --tensor-parallel-size %d, which does not go with %d over %d GPU(s):"+
			" let it say --tensor-parallel-size ${%s}", v.Unit, own, ranks, gpus, varRanks)
	}
	return nil
}

// declaredRanks is the number that a command line gives for tensor parallelism.
// A variable is none. A shell's command is one argument of many words.
func declaredRanks(command []string) (ranks int, stated bool) {
	var words []string
	for _, argument := range command {
		words = append(words, strings.Fields(argument)...)
	}
	for i, word := range words {
		option, value, joined := strings.Cut(word, "=")
		switch strings.ReplaceAll(option, "_", "-") {
		case "--tensor-parallel-size", "-tp":
		default:
			continue
		}
		if !joined && i+1 < len(words) {
			value = words[i+1]
		}
		if n, err := strconv.Atoi(strings.Trim(value, `"'`)); err == nil && n > 0 {
			ranks, stated = n, true // the last one counts
		}
	}
	return ranks, stated
}
