package cli

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/doctor"
)

// doctorOptions say which machine is looked at.
type doctorOptions struct {
	root   string
	config []string
}

func (a *app) doctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use: "doctor", Short: "Say what keeps moded from doing what its configuration wants", Args: cobra.NoArgs,
		Long: `Looks at all that moded stands on: the bus, the daemon and its version, the
configuration, the units that modes name and their gates, GPUs and their drivers,
agents of users, polkit, the kernel. Each finding says what is wrong, what comes
of it, and the command that mends it. Changes nothing, works without the daemon,
and needs no rights, though root may see more.

Levels are ok, note (a cost that has its reasons), warning (something does not
work as it might), fail (something cannot work) and unknown. Exit code 0 when
nothing is wrong, 1 with a warning or a failure.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), o) },
	}
	o.flags(cmd)
	cmd.AddCommand(a.doctorAudioCommand())
	return a.jsonFlag(cmd)
}

func (o *doctorOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.root, "root", "", "look at the machine whose files are below `DIR`, and at no bus but that of --bus")
	cmd.Flags().StringArrayVar(&o.config, "config", nil, "read `FILE` over the embedded default, not the machine's configuration; may be given again")
}

func (a *app) doctorAudioCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use: "audio", Short: "Say what stands between this machine and audio without a click", Args: cobra.NoArgs,
		Long: `Checks what rtcqs checks: limits, governors, the kernel, interrupts, PipeWire.
What the mode for realtime audio sets when it is entered counts as set; what
cannot be set at run time is said so. Changes nothing, asks no daemon and needs
no rights: run it as the user who makes the music.

Exit code 1 when something is wrong.`,
		RunE: func(*cobra.Command, []string) error { return a.doctorAudio(o) },
	}
	o.flags(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) doctorAudio(o doctorOptions) error {
	studio, why := studioOf(o)
	r := doctor.Audio(a.machine(o.root), studio)
	if why != "" {
		r.Findings = append([]doctor.Finding{{Check: "configuration", Level: doctor.Warning, Summary: why,
			Remedy: "modectl config check", At: doctor.Now}}, r.Findings...)
	}
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		a.paged(func() { a.printDoctor(r) })
	}
	if r.Count(doctor.Warning) > 0 {
		return silent(exitFailed)
	}
	return nil
}

// machine is this one, or a tree of files that stands for one: nothing is tried
// there.
func (a *app) machine(root string) doctor.Machine {
	m := doctor.Machine{Root: os.DirFS("/"), User: manager1.Clean(a.Getenv("USER"), manager1.MaxLine), Super: a.Root,
		Home: a.Getenv("HOME"), FIFO: tryFIFO, Writable: writable}
	if root != "" {
		m.Root, m.FIFO, m.Writable = fs.FS(os.DirFS(root)), nil, nil
	}
	return m
}

// studioOf finds the mode for realtime audio in the configuration: the first by
// name, or of those that tune the kernel too, where there are several. why says
// that it cannot be read.
func studioOf(o doctorOptions) (s doctor.Studio, why string) {
	options := config.Options{Root: o.root, Files: o.config, Trust: o.root == "" && len(o.config) == 0}
	cfg, err := config.Load(options)
	if err != nil {
		first, _, _ := strings.Cut(manager1.CleanLines(err.Error()), "\n")
		return doctor.Studio{Unread: true}, "the configuration cannot be read: " + first
	}
	for _, m := range cfg.Catalog.Modes() {
		next, realtime := doctor.StudioOf(m)
		if realtime && (s.Mode == "" || next.Tuned && !s.Tuned) {
			s = next
		}
	}
	return s, ""
}

var doctorSigns = map[doctor.Level]string{
	doctor.Fine: manager1.Pass, doctor.Note: "note", doctor.Warning: manager1.Warn, doctor.Failure: manager1.Deny, doctor.Unknown: "unknown",
}

var doctorStyles = map[doctor.Level]style{doctor.Fine: green, doctor.Note: dim, doctor.Warning: yellow, doctor.Failure: red, doctor.Unknown: dim}

// doctorTimes word when a remedy takes effect.
var doctorTimes = map[string]string{
	doctor.Now: "do", doctor.Entering: "configuration", doctor.Login: "at the next login",
	doctor.Boot: "at the next boot, not at run time", doctor.Firmware: "by hand",
}

func (a *app) printDoctor(r doctor.Report) {
	a.printFindings(r.Findings)
	if len(r.Sets) > 0 {
		a.ui.printf("")
		a.ui.text(r.Mode+" sets at run time: ", plain, strings.Join(r.Sets, "; "))
	}
	a.ui.printf("")
	a.ui.printf("%s", doctorTotal(r))
}

func (a *app) printFindings(list []doctor.Finding) {
	width := longest(list, func(f doctor.Finding) string { return f.Check })
	for _, f := range list {
		head := a.ui.paint(doctorStyles[f.Level], a.doctorSign(f.Level)) + " " + pad(f.Check, width) + "  "
		indent := strings.Repeat(" ", visible(head))
		if a.ui.width > 0 && a.ui.width-visible(head) < readable {
			a.ui.printf("%s", strings.TrimRight(head, " "))
			head, indent = "  ", "  "
		}
		a.ui.text(head, plain, f.Summary)
		if f.Why != "" {
			a.ui.text(indent, dim, f.Why)
		}
		if f.Remedy != "" {
			a.ui.text(indent, dim, doctorTimes[f.At]+": "+f.Remedy)
		}
	}
}

func (a *app) doctorSign(l doctor.Level) string {
	switch sign := doctorSigns[l]; {
	case sign == "unknown":
		return "?"
	case sign != "note":
		return a.ui.signs[sign]
	case a.ui.arrow == "->":
		return "."
	}
	return "·"
}

func doctorTotal(r doctor.Report) string {
	failed := ""
	if n := r.Count(doctor.Failure); n > 0 {
		failed = plural(n, "failure", "failures") + ", "
	}
	total := failed + fmt.Sprintf("%d fine, %s", r.Count(doctor.Fine), plural(r.Count(doctor.Warning), "warning", "warnings"))
	if n := r.Count(doctor.Note); n > 0 {
		total += ", " + plural(n, "note", "notes")
	}
	if n := r.Count(doctor.Unknown); n > 0 {
		total += fmt.Sprintf(", %d not known", n)
	}
	return total
}
