package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/internal/version"
)

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Show the versions of modectl and of the daemon", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.version(cmd.Context()) },
	}
	return a.jsonFlag(cmd)
}

// version never fails: that there is no daemon is an answer.
func (a *app) version(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	daemon := ""
	if c, err := a.client(); err == nil {
		p, _ := c.Properties(ctx)
		daemon = p.Version
	}
	if a.json {
		return a.printJSON(map[string]string{"modectl": version.Version, "moded": daemon})
	}
	if daemon == "" {
		daemon = "not running"
	}
	a.ui.printf("modectl %s\nmoded %s", version.Version, daemon)
	return nil
}
