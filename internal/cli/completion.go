package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print a completion script for a shell",
		Long: `Prints a script that completes commands, flags and, by asking the daemon, the
names of the modes there are:

  bash: modectl completion bash > /usr/share/bash-completion/completions/modectl
  zsh:  modectl completion zsh > /usr/share/zsh/site-functions/_modectl
  fish: modectl completion fish > /usr/share/fish/vendor_completions.d/modectl.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.Stdout)
			default:
				return root.GenFishCompletion(a.Stdout, true)
			}
		},
	}
}

// completeModes offers the names of the modes. A shell must not wait for a
// daemon that does not answer.
func (a *app) completeModes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 500*time.Millisecond)
	defer cancel()
	if len(args) > 0 || a.host != "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	modes, _ := c.ListModes(ctx)
	var names []string
	for _, m := range modes {
		names = append(names, m.Mode+"\t"+m.Summary)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
