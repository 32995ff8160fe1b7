// Package cli is modectl: one command in each file, over manager1.Client.
//
// It knows the bus contract and nothing of the daemon. What works without one
// (config, graph, guards --facts) has the daemon's own decoder and guards. All
// that comes off the bus was cleaned by the Client, so texts may be printed as they are. What a
// command prints for people may change; what it prints with --json is stable:
// the structs of manager1 with the keys of the XML, times as RFC 3339, lists
// never null.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/version"
)

// Env is the world as a command sees it, so that tests can make one.
type Env struct {
	// Args begins with the program's name; "mode" is a second one.
	Args   []string
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// InTTY and OutTTY tell whether these are terminals; Width is the columns
	// of the latter, 0 when it is none.
	InTTY, OutTTY bool
	Width         int
	// Size gives the terminal's columns and rows as they are now; 0 rows is not
	// known. Nil when Width is all there is to know. Resized returns a channel
	// that receives when they change, until ctx ends; nil when nobody tells.
	Size    func() (columns, rows int)
	Resized func(ctx context.Context) <-chan os.Signal
	// Interrupts receives Ctrl-C; nil when nobody tells. A command that has no
	// better use for it ends.
	Interrupts <-chan os.Signal
	Getenv     func(string) string
	// Now gives the time, and the zone in which times are shown.
	Now func() time.Time
	// Root is true for uid 0, whom polkit never asks.
	Root bool
	// Prompt runs a polkit agent on the terminal until the function it returns
	// is called. Nil when there is none.
	Prompt func(ctx context.Context) (stop func(), err error)
	// Remote runs modectl on another machine, and Bridge connects to the bus there;
	// see the function of that name. Nil when that is not possible.
	Remote func(ctx context.Context, host string, args []string) (code int, err error)
	Bridge func(ctx context.Context, host, bus string, complaints io.Writer) (io.ReadWriteCloser, error)
}

// Run runs the command line and returns the exit code.
func Run(ctx context.Context, env Env) int {
	a := &app{Env: env, ui: newUI(env), interrupts: &interrupts{}}
	defer a.close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	go a.interrupts.listen(ctx, env.Interrupts, end)
	root := a.root()
	root.SetArgs(env.Args[1:])
	return a.exit(root.ExecuteContext(ctx))
}

// app is one run of the command line.
type app struct {
	Env
	ui *ui
	// bus, host and json are the global flags.
	bus, host string
	json      bool
	noPager   bool
	// brief is set where what is well is not told at length.
	brief bool
	// begun is true once a command runs: errors before are usage errors.
	begun bool
	conn  *manager1.Client
	// dial connects to another machine; agreed says that a person did, and stays
	// that the command is not to be run there.
	dial          func() (*manager1.Client, error)
	agreed, stays bool
	// interrupts has Ctrl-C.
	interrupts *interrupts
}

const about = `modectl shows and changes the mode of this workstation, or with -H of another:
its bus is asked through systemd-stdio-bridge over ssh. What reads that machine's
files (config, doctor, graph, log), or needs a password, runs there.

A terminal gets colours, unless NO_COLOR is set or TERM is dumb, and what is longer
than it goes through MODECTL_PAGER, PAGER or less. MODECTL_BUS says which bus.

Exit codes: 0 done, 1 failed and rolled back, 2 usage, 3 refused (by a guard, by
a hold, or because no edge leads there), 4 not authorised, 5 busy, 6 stuck, 7 no
daemon, 130 interrupted.`

func (a *app) root() *cobra.Command {
	name := "modectl"
	if len(a.Args) > 0 && filepath.Base(a.Args[0]) == "mode" {
		name = "mode"
	}
	root := &cobra.Command{
		Use: name, Short: "Show and change the mode of this workstation", Long: about,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.begin(cmd) },
		Args:              isCommand, SuggestionsMinimumDistance: 2,
		Version: version.Version,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context(), false) },
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version of this command and exit") // without cobra's -v, which elsewhere is verbose
	flags := root.PersistentFlags()
	flags.StringVar(&a.bus, "bus", a.defaultBus(), "`ADDRESS` of the bus, or \"system\"; also MODECTL_BUS")
	flags.StringVarP(&a.host, "host", "H", "", "work with moded on another machine, over ssh: `USER@HOST`")
	flags.BoolVar(&a.noPager, "no-pager", false, "print long answers straight; also MODECTL_PAGER=cat")
	root.AddCommand(
		a.statusCommand(), a.switchCommand(), a.planCommand(), a.whyCommand(), a.modesCommand(), a.guardsCommand(),
		a.watchCommand(), a.historyCommand(), runsThere(a.logCommand()), a.holdCommand(), a.holdsCommand(), a.confirmCommand(), a.cancelCommand(),
		a.verifyCommand(), a.recoverCommand(), a.reloadCommand(), runsThere(a.configCommand()), runsThere(a.graphCommand()),
		a.metricsCommand(), runsThere(a.doctorCommand()), a.completionCommand(), a.versionCommand(),
	)
	withExamples(root)
	return root
}

// isCommand tells who mistypes a command which ones there are, and who says the
// name of a mode instead how to go to it.
func isCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(like, ", or "))
	}
	return fmt.Errorf("unknown command %q; to go to a mode of that name, %s switch %s", args[0], cmd.Name(), args[0])
}

const systemBus = "system"

func (a *app) defaultBus() string {
	if bus := a.Getenv("MODECTL_BUS"); bus != "" {
		return bus
	}
	return systemBus
}

// begin runs before every command.
func (a *app) begin(cmd *cobra.Command) error {
	a.begun = true
	if cmd.Flags().Changed("host") {
		return a.reach(cmd)
	}
	return nil
}

// client connects to the bus once.
func (a *app) client() (*manager1.Client, error) {
	if a.conn != nil {
		return a.conn, nil
	}
	dial := a.dial
	if dial == nil {
		dial = func() (*manager1.Client, error) { return manager1.Dial(a.bus) }
	}
	c, err := dial()
	a.conn = c
	return c, err
}

// watched is client, with all that happens from now on until ctx ends. Who asks for
// something afterwards misses nothing of it.
func (a *app) watched(ctx context.Context) (*manager1.Client, <-chan manager1.Event, error) {
	c, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	events, err := c.Watch(ctx)
	return c, events, err
}

func (a *app) close() {
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

// jsonFlag gives a command that reads its --json.
func (a *app) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}
