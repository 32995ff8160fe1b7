package guards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// userJobs is a guard on what people have under way, whether they said so or not.
type userJobs struct {
	builds      bool
	foreground  bool
	busy        float64
	olderThan   time.Duration
	ignore      []string
	ignoreUnits []string
}

func userJobsKind() Kind {
	return Kind{
		Name:    "user-jobs",
		Summary: "passes while nobody has a job under way",
		Details: "A job is what somebody declared (a block inhibitor of logind on shutdown or sleep, or a hold of moded of either scope), a package manager that holds its lock, a build, a process in user.slice that burns CPU, and when asked for a command in the foreground of a terminal. Inhibitors that desktops hold all the time are not jobs, nor is what a desktop runs in its session.slice, nor processes of units that the plan owns. modectl, and what it was started with (sudo, run0), is not a job.",
		Params: []Param{
			{"builds", Flag, "true", "builds are jobs: compilers, make, cargo and their like at work, builders of nix-daemon"},
			{"busy-percent", Number, "50", "how much of one CPU a process may use, at least 10; more than 100 is more than one CPU"},
			{"older-than", Duration, `"10s"`, "how long a busy process must have been there to be a job"},
			{"foreground-terminals", Flag, "false", "a command that somebody waits for in a terminal is a job: an editor, a pager, ssh"},
			{"ignore", Names, "", "programs that are not jobs, and owners of inhibitors, as systemd-inhibit --list shows them under WHO"},
			{"ignore-units", Names, "", "units, of the system or of a user, whose processes are not jobs"},
		},
		Codes: []Code{
			{"jobs-none", fsm.Pass, "no job is under way", ""},
			{"jobs-packages", fsm.Deny, "a package manager is at work", "wait for it: an interrupted package manager leaves a broken system"},
			{"jobs-declared", fsm.Deny, "somebody declared a job, by an inhibitor or a hold", "wait for it to end, or end it: systemd-inhibit --list and modectl holds name it"},
			{"jobs-build", fsm.Deny, "a build is under way", "wait for it to end, or end it"},
			{"jobs-busy", fsm.Deny, "a process of a user burns CPU", "wait for it to end, end it, or name it in ignore"},
			{"jobs-foreground", fsm.Deny, "somebody waits for a command in a terminal", "end the command"},
			{"user-jobs-unknown", fsm.Unknown, "processes, inhibitors or holds cannot be seen", "see what the unit that the verdict names says: journalctl -u UNIT"},
		},
		Example: `[guards.user-jobs]
kind = "user-jobs"
builds = true
foreground-terminals = true
ignore = ["htop", "Steam"]
ignore-units = ["boinc-client.service"]
last-look = true
`,
		New: newUserJobs,
	}
}

func newUserJobs(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := userJobs{
		builds:      p.flag("builds", true),
		busy:        p.number("busy-percent", 50, 100*1024),
		olderThan:   p.duration("older-than", 10*time.Second),
		foreground:  p.flag("foreground-terminals", false),
		ignore:      p.names("ignore", false),
		ignoreUnits: p.names("ignore-units", false),
	}
	if g.busy < leastBusy && p.err == nil {
		p.fail("busy-percent", "must be at least %d: what uses less is nobody's job", leastBusy)
	}
	return g, p.done()
}

// leastBusy is from where on moded-probe lists processes for the CPU they use.
const leastBusy = 10

// Needs implements Guard.
func (g userJobs) Needs() Needs { return Needs{Jobs: true, Inhibitors: true, Holds: true} }

// work is one kind of job that was found, with what is said of it.
type work struct {
	code, verb, remedy string
	culprits           []fsm.Culprit
}

// Judge implements Guard. What is seen denies, whatever else is dark.
func (g userJobs) Judge(f *facts.Facts, a Asked) fsm.Verdict {
	all := g.sort(f, planOf(f, a))
	var culprits []fsm.Culprit
	var worst work
	for _, w := range all {
		if len(culprits) == 0 {
			worst = w
		}
		culprits = append(culprits, w.culprits...)
	}
	if len(culprits) > 0 {
		first := culprits[0]
		v := deny(worst.code, cmp.Or(first.Client, first.Comm, "somebody")+" "+worst.verb+more(culprits), worst.remedy)
		v.Measured, v.Limit, v.Culprits = count(len(culprits), "job"), none, culprits
		return v
	}
	if v, dark := g.dark(f); dark {
		return v
	}
	v := pass("jobs-none", "no job is under way")
	v.Measured, v.Limit = "no job", none
	return v
}

// dark is the verdict on what cannot be seen.
func (g userJobs) dark(f *facts.Facts) (fsm.Verdict, bool) {
	switch {
	case !f.Jobs.Known():
		return unseen("user-jobs", "what processes do", f.Jobs.Part), true
	case !f.Inhibitors.Known():
		return unseenBy("systemd-logind", "user-jobs", "the inhibitors", f.Inhibitors.Part), true
	case !f.Holds.Known():
		return unseenBy("moded", "user-jobs", "the holds", f.Holds.Part), true
	case f.Jobs.Total > len(f.Jobs.List):
		p := facts.Part{Unknown: fmt.Sprintf("%d are at work, and only %d are listed", f.Jobs.Total, len(f.Jobs.List))}
		return unseen("user-jobs", "all processes", p), true
	}
	return fsm.Verdict{}, false
}

// sort puts all jobs into their kinds, the worst to interrupt first.
func (g userJobs) sort(f *facts.Facts, plan plan) []work {
	packages := work{code: "jobs-packages", verb: "is at work", remedy: "wait for it: an interrupted package manager leaves a broken system"}
	declared := work{code: "jobs-declared", verb: "has a job under way", remedy: "wait for it to end, or end it: systemd-inhibit --list and modectl holds name it"}
	build := work{code: "jobs-build", verb: "builds", remedy: "wait for the build to end, or end it"}
	busy := work{code: "jobs-busy", verb: "burns CPU", remedy: "wait for it to end, end it, or name it in ignore"}
	waiting := work{code: "jobs-foreground", verb: "is in the foreground of a terminal", remedy: "end the command"}
	for _, l := range f.Jobs.Locks {
		if !g.ignored(l.Holder, plan) && !slices.Contains(g.ignore, l.Manager) {
			packages.culprits = withLock(packages.culprits, l)
		}
	}
	for _, i := range f.Inhibitors.List {
		if declares(i) && !g.ignoresOwner(i) {
			declared.culprits = append(declared.culprits, inhibitorOf(i))
		}
	}
	for _, h := range f.Holds.List {
		declared.culprits = append(declared.culprits, holdOf(h))
	}
	for _, j := range f.Jobs.List {
		switch {
		case g.ignored(j.Process, plan) || ours(j.Process):
		case j.Build != "" && g.builds:
			build.culprits = append(build.culprits, processOf(j.Process, "builds ("+spoken(j.Build)+")"))
		case j.Build == "" && g.burns(j):
			busy.culprits = append(busy.culprits, processOf(j.Process, fmt.Sprintf("%d %% of a CPU for %s", j.CPUPercent, ageOf(j.Age))))
		case j.Foreground && g.foreground && !starts(j.Process):
			waiting.culprits = append(waiting.culprits, processOf(j.Process, "in the foreground of "+cmp.Or(spoken(j.TTY), "a terminal")))
		}
	}
	return slices.DeleteFunc([]work{packages, declared, build, busy, waiting}, func(w work) bool { return len(w.culprits) == 0 })
}

// burns tells whether a process is busy enough, for long enough, to be a job.
// What a desktop runs in session.slice (compositor, panels, PipeWire) works for
// whom is there, and is nobody's job.
func (g userJobs) burns(j facts.Job) bool {
	return float64(j.CPUPercent) > g.busy && j.Age >= g.olderThan &&
		(j.Slice == "" || j.Slice == "user.slice") && j.UserSlice != "session.slice"
}

func (g userJobs) ignored(p facts.Process, plan plan) bool {
	named := func(units []string, unit string) bool { return unit != "" && slices.Contains(units, unit) }
	return plan.owns(p.Unit) || slices.ContainsFunc(g.ignore, p.Named) ||
		named(g.ignoreUnits, p.Unit) || named(g.ignoreUnits, p.UserUnit)
}

func (g userJobs) ignoresOwner(i facts.Inhibitor) bool {
	return slices.ContainsFunc(g.ignore, func(name string) bool {
		return name == strings.TrimSpace(i.Who) || name == program(i.Who, i.Why)
	})
}

// ours tells whether a process is the one that asks.
func ours(p facts.Process) bool { return p.Named("modectl") || p.Named("mode") }

// starts tells whether a program only waits for another that it started, which
// is judged itself.
func starts(p facts.Process) bool {
	return slices.ContainsFunc([]string{"sudo", "doas", "run0", "pkexec", "su"}, p.Named)
}

func ageOf(age time.Duration) string { return age.Truncate(time.Second).String() }

// withLock adds who holds a lock, once: apt holds several.
func withLock(list []fsm.Culprit, l facts.Lock) []fsm.Culprit {
	if l.Holder.PID != 0 && slices.ContainsFunc(list, func(c fsm.Culprit) bool { return c.PID == l.Holder.PID }) {
		return list
	}
	manager := cmp.Or(spoken(l.Manager), "a package manager")
	c := processOf(l.Holder, "holds the lock of "+manager)
	c.Comm = cmp.Or(c.Comm, manager)
	return append(list, c)
}
