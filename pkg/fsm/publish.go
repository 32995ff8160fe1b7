package fsm

import (
	"cmp"
	"slices"
	"strings"
)

// publishLocked makes the state that readers see from what the engine knows.
// Readers never wait for the engine: they load a pointer.
func (e *Engine) publishLocked() {
	s := &State{Mode: e.doc.Mode, Last: e.last, Verdicts: e.verdicts,
		Degraded: slices.Concat(e.standing, e.degraded, texts(e.late), e.drift)}
	if e.doc.Open != nil {
		if e.doc.Open.Through {
			s.Mode = Transitioning
		}
	}
	s.Degraded = slices.Concat(s.Degraded, e.openTroubleLocked())
	s.Open = e.progressLocked()
	if e.run != nil && !e.run.undoing {
		s.Target = e.run.transition.To
	}
	e.state.Store(s)
	e.cfg.Observer.Changed(*s)
}

func (e *Engine) publish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.publishLocked()
}

func texts(list []failure) []string {
	var all []string
	for _, f := range list {
		all = append(all, f.text)
	}
	return all
}

// openTroubleLocked says what is wrong with an open plan, and how to mend it.
func (e *Engine) openTroubleLocked() []string {
	open := e.doc.Open
	switch {
	case e.doc.SafeMode && open == nil:
		return []string{"safe mode: moded crashed three times in the same step; say modectl recover"}
	case e.doc.SafeMode:
		return []string{"safe mode: moded crashed three times in step " + open.CrashStep + "; say modectl recover"}
	case open != nil && open.StuckAt != "":
		return []string{"stuck: " + open.StuckAt + "; say modectl recover"}
	case open != nil && e.run == nil:
		return []string{"the last transition was left half way; say modectl recover"}
	}
	return nil
}

// progressLocked describes the open transition, running or stuck.
func (e *Engine) progressLocked() *Progress {
	if e.run == nil {
		return e.stuckLocked()
	}
	r, t := e.run, e.run.transition
	p := &Progress{ID: t.ID, From: t.From, To: t.To, Event: t.Event, Phase: r.phase, Reason: t.Reason, UID: t.UID,
		NoReturn: r.plan.NoReturn, Deadline: r.deadline, Note: r.notes[-1], Of: len(r.plan.Steps),
		Trigger: t.Trigger, Started: t.Started, Ends: r.plan.Ends}
	steps := r.plan.Steps
	if e.doc.Open != nil {
		steps = e.doc.Open.Transition.Steps
		p.stepOf(steps, underWay(steps, r.step))
		p.Note = cmp.Or(r.noteOf(steps), p.Note)
	}
	p.Steps = slices.Clone(steps)
	return p
}

// underWay is the first step that is being done or undone; where there is none,
// the last one that moved.
func underWay(steps []Step, last int) int {
	i := slices.IndexFunc(steps, Step.underWay)
	if i < 0 {
		return last
	}
	return i
}

func (s Step) underWay() bool { return s.Status == Doing || s.Status == UndoingStep }

// noteOf is what the steps under way say; where several do, each with its name.
func (r *run) noteOf(steps []Step) string {
	var notes, named []string
	for _, st := range steps {
		if text := r.notes[st.Index]; text != "" && st.underWay() {
			notes = append(notes, text)
			named = append(named, knobID(st.Kind, st.Key)+": "+text)
		}
	}
	if len(notes) > 1 {
		notes = named
	}
	return strings.Join(notes, "; ")
}

func (e *Engine) stuckLocked() *Progress {
	open := e.doc.Open
	if open == nil {
		return nil
	}
	t := open.Transition
	p := &Progress{ID: t.ID, From: t.From, To: t.To, Event: t.Event, Phase: StuckPhase, Reason: t.Reason,
		UID: t.UID, NoReturn: open.NoReturn, Trigger: t.Trigger, Started: t.Started, Ends: open.Ends, Note: open.StuckAt, Steps: slices.Clone(t.Steps)}
	p.stepOf(t.Steps, -1)
	return p
}

func (p *Progress) stepOf(steps []Step, index int) {
	p.Of = len(steps)
	if index >= 0 && index < len(steps) {
		p.Step, p.Index = steps[index].Name(), index
	}
	p.Past = p.NoReturn >= 0 && p.NoReturn < len(steps) && steps[p.NoReturn].Status != Pending
}
