package cli

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
)

const guardsLong = `Asks all guards of the edge that leads to MODE, or of all edges that lead away
from here: a line each with what was measured against which limit and who is in
the way, refusals first, and under them what to do. A hold that keeps the mode,
and what stands in the way beside the guards, is listed with them. Exit code 3
when MODE is given and would be refused.

With --watch it goes on asking: on a terminal the table is drawn anew in place;
elsewhere each change of a verdict is a line:

  14:03:05 audio-idle: pass -> deny: REAPER is recording

A moded that goes and comes back is waited for. Ctrl-C ends it, exit code 0.

With --facts nobody is asked: the guards of the configuration judge facts that
were recorded, at the time they were recorded. Only guards and holds are: what
else a plan finds needs the machine.

  record:  modectl status --resources --json > facts.json
  judge:   modectl guards compute --facts facts.json
  again:   modectl history show 17 --json | modectl guards compute --facts -

FILE may also hold the facts alone, as the key facts has them. What the record
was made without is unknown: resources do not ask NVIDIA's library how busy a
GPU is, which the facts of a transition have. A key that this modectl does not
know is an error. The edge begins in the mode of --from, else
in the one that the file was recorded in, else in the default mode, else in the
only one that leads to MODE.

--json prints a list with an object for each mode: mode, allowed, verdicts (see
Verdict in org.modectl.Manager1.xml), and with --facts also from, event and at.
With --watch each change is an object in a line: time, kind and, for the kind
verdict, mode, guard, from and to (outcomes; empty when there is none) and
verdict. Other kinds: asked, after the first verdicts of the modes that it then
names; appeared and vanished, of moded; error, with a message.`

// guardsOptions are the flags of guards.
type guardsOptions struct {
	watch    bool
	interval time.Duration
	facts    string
	from     string
	config   []string
}

// shortest is how often one may ask: readers share facts for a second.
const shortest = time.Second

func (a *app) guardsCommand() *cobra.Command {
	var o guardsOptions
	cmd := &cobra.Command{
		Use: "guards [MODE]", Short: "Ask the guards on the way to a mode, or to every mode next to this one",
		Long: guardsLong,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeModes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, args); err != nil {
				return err
			}
			switch {
			case o.facts != "":
				return a.guardsOffline(args[0], o)
			case o.watch:
				return a.guardsWatch(cmd.Context(), args, o.interval)
			}
			return a.guards(cmd.Context(), args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on asking, and show what changes")
	flags.DurationVar(&o.interval, "interval", 2*time.Second, "with --watch: ask every `DURATION`, and whenever moded says something")
	flags.StringVar(&o.facts, "facts", "", "judge the facts in `FILE` (- is standard input); ask nobody")
	flags.StringVar(&o.from, "from", "", "with --facts: the `MODE` that the edge begins in")
	flags.StringArrayVar(&o.config, "config", nil, "with --facts: read `FILE` over the embedded default, not the machine's configuration; may be given again")
	return a.jsonFlag(cmd)
}

// check tells whether the flags go together.
func (o guardsOptions) check(cmd *cobra.Command, args []string) error {
	switch given := cmd.Flags().Changed; {
	case o.facts == "" && (given("from") || given("config")):
		return exitf(exitUsage, "--from and --config are for --facts")
	case given("interval") && !o.watch:
		return exitf(exitUsage, "--interval is for --watch")
	case o.watch && o.facts != "":
		return exitf(exitUsage, "facts that were recorded do not change: say --watch or --facts")
	case o.watch && o.interval < shortest:
		return exitf(exitUsage, "the interval is 1s at least: moded looks no oftener")
	case o.facts != "" && len(args) == 0:
		return exitf(exitUsage, "--facts needs a MODE: which edge shall be judged?")
	}
	return nil
}

// modeGuards is what guards prints as JSON, in a list.
type modeGuards struct {
	Mode     string             `json:"mode"`
	Allowed  bool               `json:"allowed"`
	Verdicts []manager1.Verdict `json:"verdicts"`
	// From, Event and At are of judged records.
	From  string    `json:"from,omitempty"`
	Event string    `json:"event,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

func (a *app) guards(ctx context.Context, args []string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	all, err := askGuards(ctx, c, args)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(all)
	} else {
		a.paged(func() { a.printGuards(all) })
	}
	if err == nil && len(args) == 1 {
		return all[0].exit()
	}
	return err
}

// exit is the exit code of a question about one mode.
func (m modeGuards) exit() error {
	if m.Allowed {
		return nil
	}
	return silent(refusalCode(m.Verdicts, 0))
}

// askGuards asks about the modes that are named, or those next to this one.
func askGuards(ctx context.Context, c *manager1.Client, modes []string) ([]modeGuards, error) {
	if len(modes) == 0 {
		var err error
		if modes, err = neighbours(ctx, c); err != nil {
			return nil, err
		}
	}
	all := []modeGuards{}
	for _, mode := range modes {
		p, err := c.Plan(ctx, mode, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, modeGuards{Mode: mode, Allowed: p.Allowed, Verdicts: p.Verdicts})
	}
	return all, nil
}

// neighbours are the modes that one edge leads to.
func neighbours(ctx context.Context, c *manager1.Client) ([]string, error) {
	modes, err := c.ListModes(ctx)
	var list []string
	for _, m := range modes {
		if m.Reachable && len(m.Way) == 1 {
			list = append(list, m.Mode)
		}
	}
	return list, err
}

func (a *app) printGuards(all []modeGuards) {
	if len(all) == 0 {
		a.ui.text("", plain, "No mode is next to the present one; modectl status shows what runs.")
	}
	for i, m := range all {
		if i > 0 {
			a.ui.printf("")
		}
		a.printModeGuards(m)
	}
}

func (a *app) printModeGuards(m modeGuards) {
	verdicts := refusalsFirst(m.Verdicts)
	answer, s := "allowed", green
	if !m.Allowed {
		answer, s = reasons(blocking(verdicts, 0), len(verdicts)), red
	}
	a.ui.text(a.ui.paint(bold, m.Mode)+": ", s, answer)
	if !m.At.IsZero() {
		a.ui.text("  ", dim, "on "+m.Event+" from "+m.From+", by facts of "+a.when(m.At))
	}
	width := longest(verdicts, func(v manager1.Verdict) string { return v.Guard })
	for _, v := range verdicts {
		a.printVerdict(v, width, 0)
	}
}

// refusalsFirst sorts what a person must read before what they may.
func refusalsFirst(verdicts []manager1.Verdict) []manager1.Verdict {
	rank := func(v manager1.Verdict) int {
		switch v.Outcome {
		case manager1.Pass:
			return 2
		case manager1.Warn:
			return 1
		}
		return 0
	}
	sorted := slices.Clone(verdicts)
	slices.SortStableFunc(sorted, func(a, b manager1.Verdict) int { return cmp.Compare(rank(a), rank(b)) })
	return sorted
}
