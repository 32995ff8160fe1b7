package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are what help and the man pages show, by the command's words. They are
// run by a test, those of one command after the other on one machine.
var examples = map[string][]string{
	"cancel":       {"modectl cancel"},
	"completion":   {"modectl completion bash > modectl.bash"},
	"config":       {"modectl config check", "modectl config show"},
	"config check": {"modectl config check", "modectl config check night.toml"},
	"config show":  {"modectl config show", "modectl config show night.toml > effective.toml"},
	"confirm":      {"modectl confirm"},
	"doctor":       {"modectl doctor", "modectl doctor --json > report.json"},
	"doctor audio": {"modectl doctor audio"},
	"graph":        {"modectl graph", "modectl graph --format svg > modes.svg"},
	"guards":       {"modectl guards", "modectl guards compute", "modectl guards compute --watch"},
	"history":      {"modectl history -n 5", "modectl history --json"},
	"history show": {"modectl history show", "modectl history show 1 --svg > transition-1.svg"},
	"hold":         {"modectl hold --reason backup -- tar -czf backup.tar.gz projects", "modectl hold --all --until 06:00"},
	"holds":        {"modectl holds"},
	"log":          {"modectl log", "modectl log 1 -x"},
	"metrics":      {"modectl metrics > moded.prom"},
	"modes":        {"modectl modes", "modectl modes --verbose"},
	"plan":         {"modectl plan compute", "modectl plan studio --json"},
	"recover":      {"modectl recover"},
	"reload":       {"modectl reload"},
	"status":       {"modectl status", "modectl status --resources --json > facts.json"},
	"switch": {"modectl switch studio", "modectl switch desktop --reason 'the take is in the box'",
		"modectl switch compute --yes --confirm 5m"},
	"verify":  {"modectl verify"},
	"version": {"modectl version"},
	"watch":   {"modectl watch", "modectl watch --lines", "modectl watch --json"},
	"why":     {"modectl why compute"},
}

// withExamples gives a tree of commands theirs.
func withExamples(cmd *cobra.Command) {
	_, words, _ := strings.Cut(cmd.CommandPath(), " ")
	if lines := examples[words]; len(lines) > 0 {
		cmd.Example = "  " + strings.Join(lines, "\n  ")
	}
	for _, sub := range cmd.Commands() {
		withExamples(sub)
	}
}
