package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"
)

// Tree returns the commands, for those who write about them: with no world
// around them, they are not to be run.
func Tree() *cobra.Command {
	nothing := func(string) string { return "" }
	a := &app{Env: Env{Args: []string{"modectl"}, Stdout: io.Discard, Stderr: io.Discard, Getenv: nothing, Now: time.Now}}
	a.ui = newUI(a.Env)
	root := a.root()
	root.InitDefaultHelpCmd()
	return root
}
