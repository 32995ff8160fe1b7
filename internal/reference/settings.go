package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/fsm"
)

const settingsIntro = `# Settings

<!-- Made from internal/config by make generate; a test fails when it is stale. -->

Everything that may stand in a configuration. Guards have a page of their own:
[guards.md](guards.md).

## Files

Four layers; the later one has the last word:

| layer | whose |
|---|---|
| the embedded default | moded's: a desktop, a studio and a compute mode for any machine |
| ` + "`/usr/share/moded/*.toml`" + ` | a distribution's |
| ` + "`/etc/moded/moded.toml`" + ` | yours |
| ` + "`/etc/moded/moded.d/*.toml`" + ` | yours too, in the order of their names |

Tables merge key by key; texts, numbers and lists are replaced. A knob whose keys make
sense only together is replaced as one, however it is written: gui, audio, target, tune,
k3s, and each of gpus and vllm; so is a card, and a guard that is restated with its kind.
Each of units, slices and user-slices merges key by key. A mode is laid over ` + "`[base]`" + `
by the same rules.

An unknown key is a mistake. ` + "`modectl config check FILE`" + ` names every mistake with file,
line and column, and ` + "`modectl config show`" + ` prints what is in force, each table with the
file that had the last word on it. A file may be reached through symbolic links; it must
be regular, at most 1 MiB, root's, and writable by nobody else. ` + "`modectl reload`" + ` reads
them anew; a bad configuration never displaces a good one.

A time is written ` + "`\"30s\"`, `\"2m\"` or `\"1h30m\"`" + `, at most 24 hours. An address is HTTP on this
machine. A text has at most 256 printable characters.
`

const knobsIntro = `
Where a table states a knob, ` + "`[base]`" + ` and each ` + "`[modes.NAME]`" + ` may have it; the knob is
headed as in a mode. Every knob also takes:

`

const orderIntro = `
A change of mode releases what must change and is not at rest, then acquires what is
not as wanted; what stands right is left alone. All steps run in one fixed order, and
those of one stage may run side by side:

`

// Settings is docs/reference/settings.md: each table of the configuration with
// its keys, how a setting of its kind moves, and an example.
func Settings() string {
	var b strings.Builder
	b.WriteString(settingsIntro)
	b.WriteString("\n## Tables\n\n")
	tables := config.Reference()
	for _, t := range tables {
		fmt.Fprintf(&b, "- [%s](#%s)\n", heading(t), anchor(heading(t)))
	}
	for _, t := range tables {
		writeTable(&b, t)
		if t.Path == "MODE" {
			b.WriteString(knobsIntro)
			writeKeys(&b, config.EveryKnob())
			b.WriteString(orderIntro + order(tables))
		}
	}
	return b.String()
}

// heading is how a table is called on the page.
func heading(t config.Table) string {
	switch rest, ofMode := strings.CutPrefix(t.Path, "MODE"); {
	case t.Path == "":
		return "At the top"
	case rest == "" && ofMode:
		return "`[base]` and `[modes.NAME]`"
	case ofMode:
		return "`[modes.NAME" + rest + "]`"
	case t.Path == "edges":
		return "`[[edges]]`"
	}
	return "`[" + t.Path + "]`"
}

// anchor is the name that Markdown gives to a heading.
func anchor(heading string) string {
	kept := func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return -1
	}
	return strings.Map(kept, strings.ToLower(heading))
}

func writeTable(b *strings.Builder, t config.Table) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", heading(t), t.Doc)
	if t.Short != "" {
		fmt.Fprintf(b, "\nShort: `%s`.\n", t.Short)
	}
	b.WriteString("\n")
	writeKeys(b, t.Keys)
	if t.Knob != nil {
		writeKnob(b, *t.Knob)
	}
	fmt.Fprintf(b, "\n```toml\n%s```\n", t.Example)
}

func writeKeys(b *strings.Builder, keys []config.Key) {
	b.WriteString("| key | what it takes | default | what it is |\n|---|---|---|---|\n")
	for _, k := range keys {
		value := "none"
		switch k.Default {
		case "":
		case config.Required:
			value = k.Default
		default:
			value = "`" + k.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.Name, cell(k.Type), value, cell(k.Doc))
	}
}

func writeKnob(b *strings.Builder, k config.Knob) {
	rest := k.Rest
	if rest == "" {
		rest = "none: one step, in either direction"
	}
	b.WriteString("\n| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"at rest", rest},
		{"release", k.Release},
		{"acquire", k.Acquire},
		{"settled", k.Settled},
		{"undo", k.Undo},
		{"not given back", k.Lost},
		{"essential", k.Essential},
		{"missing", k.Missing},
	} {
		fmt.Fprintf(b, "| %s | %s |\n", row[0], cell(row[1]))
	}
}

// order is every stage with what moves in it, as the engine sorts them.
func order(tables []config.Table) string {
	moves := map[fsm.Stage][]string{
		fsm.StageBefore: {"hooks of `before`"}, fsm.StageAfter: {"hooks of `after`"},
	}
	for _, t := range tables {
		if t.Knob == nil {
			continue
		}
		acquire := fsm.StageOf(t.Knob.Kind, fsm.Acquire)
		if t.Knob.Rest != "" {
			release := fsm.StageOf(t.Knob.Kind, fsm.Release)
			moves[release] = append(moves[release], "release "+t.Knob.Kind)
		}
		moves[acquire] = append(moves[acquire], "acquire "+t.Knob.Kind)
	}
	var b strings.Builder
	b.WriteString("| stage | what moves |\n|---|---|\n")
	for stage := fsm.StageBefore; stage <= fsm.StageAfter; stage++ {
		words := moves[stage]
		slices.Sort(words)
		note := ""
		if stage == fsm.StageEndGUI {
			note = ": the point of no return, where somebody's session ends"
		}
		fmt.Fprintf(&b, "| %s | %s%s |\n", stage, strings.Join(words, ", "), note)
	}
	b.WriteString("\nWhat is not essential is acquired last, after the mode has settled.\n")
	return b.String()
}
