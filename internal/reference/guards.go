// Package reference writes the pages under docs/reference from the tables that
// the code itself works with. Its tests compare, and write with -update:
// `make generate`.
package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

//go:generate go test . -run PageIsNotStale -update

const guardsIntro = `# Guards

<!-- Made from pkg/guards by make generate; a test fails when it is stale. -->

A guard answers whether the mode may change now. It changes nothing. An edge
names its guards, and all of them are always asked; each gives a verdict:

| outcome | what follows |
|---|---|
| pass | nothing stands in the way |
| warn | the change goes on, and the verdict is shown |
| deny | the change is refused: the verdict names what was measured, the limit, who causes it and what to do |
| unknown | what the guard must know could not be seen; refused like deny, unless the guard says ` + "`on-unknown = \"warn\"`" + ` |

What is seen to be in the way denies even when another part could not be seen.
` + "`modectl guards MODE`" + ` asks them without any change, ` + "`modectl switch MODE --force`" + `
overrides them; that has a polkit action of its own, and the history keeps it.

Four verdicts beside them are not a guard's: ` + "`law`" + ` (no edge leads there),
` + "`busy`" + ` (another transition is open), ` + "`preflight`" + ` (something essential is not on
this machine) and ` + "`holds`" + ` (somebody holds the mode). None can be overridden, but
for a hold by root.

## What every guard takes

` + "```toml" + `
[guards.NAME]                # whatever you like; edges name it
kind = "load"                # one of the kinds below
last-look = false            # true: asked once more right before a session is ended
on-unknown = "deny"          # or "warn"
overridable = true           # false: not even --force passes it
` + "```" + `

A value is written as in TOML: a duration ` + "`\"10s\"`" + `, a size ` + "`\"4GiB\"`" + `, a number
` + "`0.5`" + `, a percent or count ` + "`20`" + `, a boolean ` + "`true`" + `, names ` + "`[\"a\", \"b\"]`" + `, a time
` + "`\"22:30\"`" + `, an address ` + "`\"http://127.0.0.1:8080\"`" + `.

Any kind can also say ` + "`" + guards.GuardBroken + "`" + ` (unknown): the guard could not be asked.
Mend its configuration, or report it as a bug.
`

// Guards is docs/reference/guards.md: each kind of guard with its parameters,
// the codes of its verdicts and an example.
func Guards() string {
	var b strings.Builder
	b.WriteString(guardsIntro)
	b.WriteString("\n## Kinds\n\n| kind | passes when |\n|---|---|\n")
	for _, k := range guards.Builtin() {
		fmt.Fprintf(&b, "| [`%s`](#%[1]s) | %s |\n", k.Name, cell(strings.TrimPrefix(k.Summary, "passes ")))
	}
	for _, k := range guards.Builtin() {
		writeKind(&b, k)
	}
	return b.String()
}

func writeKind(b *strings.Builder, k guards.Kind) {
	fmt.Fprintf(b, "\n### %s\n\nIt %s.\n", k.Name, k.Summary)
	if k.Details != "" {
		fmt.Fprintf(b, "\n%s\n", k.Details)
	}
	if len(k.Params) == 0 {
		b.WriteString("\nIt takes no parameters of its own.\n")
	} else {
		b.WriteString("\n| parameter | type | default | what it is |\n|---|---|---|---|\n")
	}
	for _, p := range k.Params {
		value := "none"
		if p.Default != "" {
			value = "`" + p.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Name, p.Type, value, cell(p.Doc))
	}
	b.WriteString("\n| verdict | code | what it means | remedy |\n|---|---|---|---|\n")
	for _, c := range ordered(k.Codes) {
		fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", c.Outcome, c.Name, cell(c.Meaning), cell(c.Remedy))
	}
	fmt.Fprintf(b, "\n```toml\n%s```\n", k.Example)
}

// ordered sorts codes by how far they stand in the way, and keeps the kind's
// order within.
func ordered(codes []guards.Code) []guards.Code {
	rank := []fsm.Outcome{fsm.Pass, fsm.Warn, fsm.Deny, fsm.Unknown}
	out := slices.Clone(codes)
	slices.SortStableFunc(out, func(a, b guards.Code) int {
		return slices.Index(rank, a.Outcome) - slices.Index(rank, b.Outcome)
	})
	return out
}

// cell makes a text fit for a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
