package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// guardsOffline judges facts that were recorded. It needs neither daemon nor bus.
func (a *app) guardsOffline(mode string, o guardsOptions) error {
	rec, err := a.readRecord(o.facts)
	if err != nil {
		return err
	}
	cfg, err := config.Load(options(o.config))
	if err != nil {
		fmt.Fprintln(a.Stderr, manager1.CleanLines(err.Error()))
		return silent(exitFailed)
	}
	m, err := a.judge(cfg.Catalog, mode, o.from, rec)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON([]modeGuards{m})
	} else {
		a.printGuards([]modeGuards{m})
	}
	if err != nil {
		return err
	}
	return m.exit()
}

// judge asks the guards of the edge, and the holds, as the daemon would have
// been asked by this user for the mode.
func (a *app) judge(c *fsm.Catalog, mode, from string, rec record) (modeGuards, error) {
	m := modeGuards{Mode: mode, Verdicts: []manager1.Verdict{}, At: rec.facts.At}
	to, ok := c.Mode(mode)
	if !ok {
		return m, noMode(c, mode)
	}
	if _, ok := c.Mode(from); from != "" && !ok {
		return m, noMode(c, from)
	}
	edge, found := chooseEdge(c, mode, from, rec.mode)
	if !found && from == "" {
		return m, exitf(exitUsage, "edges lead to %s from %s: say which with --from", mode, strings.Join(sources(c, mode), ", "))
	}
	m.From, m.Event = edge.From, edge.Event
	if edge.From == mode {
		m.Allowed = true // there already
		return m, nil
	}
	if !found {
		m.Verdicts = append(m.Verdicts, noEdge(c, edge.From, mode))
		return m, nil
	}
	leaving, _ := c.Mode(edge.From)
	verdicts := slices.Concat(fsm.HoldVerdicts(holdsOf(rec.facts), a.request(mode)),
		guards.Recorded(c.Guards(edge.Guards), rec.facts, guards.Asked{
			Ends: ended(to, rec.facts), Units: config.OwnedUnits(leaving, to), Now: rec.facts.At,
		}))
	m.Allowed = !slices.ContainsFunc(verdicts, func(v fsm.Verdict) bool { return v.Blocks(false) })
	for _, v := range verdicts {
		m.Verdicts = append(m.Verdicts, verdictOf(v))
	}
	m.Verdicts = refusalsFirst(m.Verdicts)
	return m, nil
}

func noMode(c *fsm.Catalog, mode string) error {
	return exitf(exitUsage, "there is no mode %q in the configuration; there are: %s",
		manager1.Clean(mode, manager1.MaxLine), strings.Join(c.Names(), ", "))
}

// chooseEdge finds the edge to a mode: from the one that is named, else from the
// one that the file was recorded in, the default mode, or the only one there is.
// Without an edge from the named mode it returns one that has its ends only.
func chooseEdge(c *fsm.Catalog, mode, from, recorded string) (fsm.Edge, bool) {
	if from != "" {
		if e, ok := edgeOf(c, from, mode); ok {
			return e, true
		}
		return fsm.Edge{From: from, To: mode}, false
	}
	if recorded == mode {
		return fsm.Edge{From: mode, To: mode}, true
	}
	begin := []string{recorded, c.Default()}
	if all := sources(c, mode); len(all) == 1 {
		begin = append(begin, all[0])
	}
	for _, name := range begin {
		if e, ok := edgeOf(c, name, mode); ok {
			return e, true
		}
	}
	return fsm.Edge{}, false
}

// edgeOf prefers the edge that a person may ask for.
func edgeOf(c *fsm.Catalog, from, to string) (fsm.Edge, bool) {
	if e, ok := c.Edge(from, to, ""); ok {
		return e, true
	}
	edges := c.Edges()
	i := slices.IndexFunc(edges, func(e fsm.Edge) bool { return e.From == from && e.To == to })
	if i < 0 {
		return fsm.Edge{}, false
	}
	return edges[i], true
}

// sources are the modes from which an edge leads to a mode.
func sources(c *fsm.Catalog, mode string) []string {
	var names []string
	for _, e := range c.Edges() {
		if e.To == mode && !slices.Contains(names, e.From) {
			names = append(names, e.From)
		}
	}
	return names
}

// noEdge is the law's verdict.
func noEdge(c *fsm.Catalog, from, to string) manager1.Verdict {
	v := manager1.Verdict{Guard: "law", Kind: "law", Outcome: manager1.Deny, Code: "law",
		Summary: from + " to " + to + " is not an edge", Culprits: []manager1.Culprit{}}
	if way := c.Way(from, to); len(way) > 2 {
		v.Remedy = "go through " + strings.Join(way[1:len(way)-1], ", then ")
	}
	return v
}

// request is what this user would ask the daemon for: root alone may override a
// hold.
func (a *app) request(mode string) fsm.Request {
	req := fsm.Request{Mode: mode, Trigger: "manual", UID: 1}
	if a.Root {
		req.UID = 0
	}
	return req
}

// ended are the sessions that a plan ends: none, when the mode has a GUI.
func ended(to fsm.Mode, f *facts.Facts) []fsm.Session {
	var list []fsm.Session
	for _, s := range f.Sessions.List {
		screen := s.Class == "greeter" && slices.Contains([]string{"x11", "wayland", "mir"}, s.Type)
		if to.Headless && (s.Graphical() || screen) && s.State != "closing" {
			list = append(list, fsm.Session{ID: s.ID, UID: s.UID, User: s.User, Seat: s.Seat, Class: s.Class, Type: s.Type, Scope: s.Scope})
		}
	}
	return list
}

func holdsOf(f *facts.Facts) []fsm.Hold {
	var list []fsm.Hold
	for _, h := range f.Holds.List {
		list = append(list, fsm.Hold{Scope: fsm.HoldScope(h.Scope), Who: h.Who, Why: h.Why, UID: h.UID, User: h.User})
	}
	return list
}

// verdictOf is a verdict as the bus would have brought it: clean.
func verdictOf(v fsm.Verdict) manager1.Verdict {
	out := manager1.Verdict{Guard: v.Guard, Kind: v.Kind, Outcome: string(v.Outcome), Code: v.Code, Summary: v.Summary,
		Measured: v.Measured, Limit: v.Limit, Culprits: []manager1.Culprit{}, Remedy: v.Remedy, Overridable: v.Overridable}
	for _, c := range v.Culprits {
		out.Culprits = append(out.Culprits, manager1.Culprit{Kind: c.Kind, PID: c.PID, Comm: c.Comm, User: c.User, UID: c.UID,
			Unit: c.Unit, Session: c.Session, Client: c.Client, Detail: c.Detail})
	}
	var clean manager1.Verdict
	clean.FromMap(out.ToMap())
	return clean
}
