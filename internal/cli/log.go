package cli

import (
	"context"
	"os/exec"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) logCommand() *cobra.Command {
	var explain bool
	cmd := &cobra.Command{
		Use: "log [N]", Short: "Show what the journal says of one transition, the newest without a number", Args: cobra.MaximumNArgs(1),
		Long: `Shows what moded wrote to the journal about one transition, step by step, as
journalctl MODED_TRANSITION=N does. Reading the system's journal takes root, or
being in the group systemd-journal.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := transitionID(args)
			if err != nil {
				return err
			}
			return a.log(cmd.Context(), id, explain)
		},
	}
	cmd.Flags().BoolVarP(&explain, "explain", "x", false, "add what the catalog says of each message")
	return a.jsonFlag(cmd)
}

func (a *app) log(ctx context.Context, id uint32, explain bool) error {
	if id == 0 {
		c, err := a.client()
		if err != nil {
			return err
		}
		r, err := c.GetTransition(ctx, 0)
		if err != nil {
			return err
		}
		id = r.ID
	}
	path, err := exec.LookPath("journalctl")
	if err != nil {
		return exitf(exitFailed, "there is no journalctl: modectl history show %d has the steps", id)
	}
	args := []string{"journalctl", "--unit=moded.service", "MODED_TRANSITION=" + strconv.FormatUint(uint64(id), 10)}
	if a.noPager {
		args = append(args, "--no-pager")
	}
	switch {
	case a.json:
		args = append(args, "--output=json", "--no-pager")
	case explain:
		args = append(args, "--catalog")
	}
	return a.runChild(ctx, path, args)
}
