package reference

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/internal/cli"
)

const modectlIntro = `# modectl

<!-- Made from internal/cli by make generate; a test fails when it is stale. -->

`

// Modectl is docs/reference/modectl.md: every command with what it takes. The man
// pages are made of the same tree.
func Modectl() string {
	var b strings.Builder
	b.WriteString(modectlIntro)
	root := cli.Tree()
	fmt.Fprintf(&b, "%s\n\n", root.Long)
	b.WriteString("`mode` is a second name of `modectl`. Every read takes `--json`, whose keys are those of\n" +
		"[the bus contract](../../dbus/org.modectl.Manager1.xml) and stable.\n\n")
	flags(&b, root.LocalFlags().FlagUsages())
	for _, cmd := range root.Commands() {
		command(&b, cmd)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func command(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden || cmd.Name() == "help" {
		return
	}
	fmt.Fprintf(b, "## %s\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "```text\n%s\n```\n\n%s\n\n", cmd.UseLine(), text)
	flags(b, cmd.LocalNonPersistentFlags().FlagUsages())
	if cmd.Example != "" {
		fmt.Fprintf(b, "For example:\n\n```text\n%s\n```\n\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	for _, sub := range cmd.Commands() {
		command(b, sub)
	}
}

func flags(b *strings.Builder, usages string) {
	if usages != "" {
		fmt.Fprintf(b, "```text\n%s```\n\n", usages)
	}
}
