package guards

import (
	"fmt"
	"slices"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// NeedsOf returns what the guards of specs read together: facts that cover it
// can be judged by all of them. A guard that cannot be made needs nothing.
func NeedsOf(specs []fsm.GuardSpec) Needs {
	var n Needs
	for _, spec := range specs {
		if g, err := build(spec); err == nil {
			n = n.Union(g.Needs())
		}
	}
	return n
}

// Recorded asks the guards of specs about facts that were recorded. It looks at
// nothing else, a clock included, and so says the same next year. What a guard
// reads and the record was made without is unknown to it.
func Recorded(specs []fsm.GuardSpec, f *facts.Facts, a Asked) []fsm.Verdict {
	verdicts := make([]fsm.Verdict, len(specs))
	for i, spec := range specs {
		g, err := build(spec)
		v := unknown(GuardBroken, fmt.Sprintf("the guard cannot be asked: %v", err), "mend its configuration")
		if err == nil {
			v = ask(g, withhold(f, g.Needs()), a)
		}
		verdicts[i] = finish(spec, v)
	}
	return verdicts
}

// withhold returns f with those parts unknown whose lists have only what was
// asked for, and in which something that n names was not.
func withhold(f *facts.Facts, n Needs) *facts.Facts {
	c := *f
	hide := func(p *facts.Part, what string, want []string, have func(string) bool) {
		i := slices.IndexFunc(want, func(name string) bool { return !have(name) })
		if i >= 0 && p.Known() {
			p.Unknown = fmt.Sprintf("the facts were recorded without a look at %s %s", what, facts.Clean(want[i]))
		}
	}
	hide(&c.Process.Part, "the program", n.Processes, func(name string) bool { return slices.Contains(f.Process.Names, name) })
	hide(&c.Units.Part, "the unit", n.Units, func(name string) bool {
		return slices.ContainsFunc(f.Units.List, func(u facts.Unit) bool { return u.Name == name })
	})
	hide(&c.Web.Part, "the web interface", n.Web, func(url string) bool {
		return slices.ContainsFunc(f.Web.List, func(d facts.DAW) bool { return d.URL == url })
	})
	return &c
}
