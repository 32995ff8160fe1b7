package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// maxCulprits is how many culprits a verdict shows.
const maxCulprits = 32

// verdictRows are verdicts as the bus has them, those that block first.
func verdictRows(verdicts []fsm.Verdict) []manager1.Verdict {
	rows := make([]manager1.Verdict, 0, len(verdicts))
	for _, v := range verdicts {
		rows = append(rows, manager1.Verdict{Guard: v.Guard, Kind: v.Kind, Outcome: string(v.Outcome), Code: v.Code,
			Summary: v.Summary, Measured: v.Measured, Limit: v.Limit, Culprits: culpritRows(v.Culprits),
			Remedy: v.Remedy, Overridable: v.Overridable})
	}
	slices.SortStableFunc(rows, func(a, b manager1.Verdict) int { return cmp.Compare(blocking(a), blocking(b)) })
	return rows
}

// blocking is 0 for verdicts that are listed first.
func blocking(v manager1.Verdict) int {
	if v.Outcome == manager1.Deny || v.Outcome == manager1.Unknown {
		return 0
	}
	return 1
}

func culpritRows(culprits []fsm.Culprit) []manager1.Culprit {
	culprits = culprits[:min(len(culprits), maxCulprits)]
	rows := make([]manager1.Culprit, 0, len(culprits))
	for _, c := range culprits {
		rows = append(rows, manager1.Culprit{Kind: c.Kind, PID: c.PID, Comm: c.Comm, User: c.User, UID: c.UID,
			Unit: c.Unit, Session: c.Session, Client: c.Client, Detail: c.Detail})
	}
	return rows
}

// stepRows are steps as the bus has them; the first irreversible one is who
// ends the sessions.
func stepRows(steps []fsm.Step, ends []fsm.Session) []manager1.Step {
	rows := make([]manager1.Step, 0, len(steps))
	ended := false
	for _, st := range steps {
		row := stepRow(st)
		if st.Irreversible && !ended {
			row.Ends, row.Sessions, ended = endLines(ends), sessionRows(ends), true
		}
		rows = append(rows, row)
	}
	return rows
}

func stepRow(st fsm.Step) manager1.Step {
	return manager1.Step{Index: uint32(st.Index), Name: st.Name(), Kind: st.Kind, Key: st.Key, Phase: string(st.Leg),
		Stage: st.Stage.String(), Summary: st.Summary, Details: st.Details, Essential: st.Essential,
		Irreversible: st.Irreversible, Background: st.Background, Status: string(st.Status),
		Began: st.Began, DurationMS: elapsed(st.Began, st.Ended), UndoBegan: st.UndoBegan, UndoMS: elapsed(st.UndoBegan, st.UndoEnded),
		Error: st.Problem}
}

func elapsed(began, ended time.Time) uint32 {
	if began.IsZero() || ended.IsZero() {
		return 0
	}
	return manager1.Millis(ended.Sub(began))
}

// endLines says whose sessions end, one line each.
func endLines(ends []fsm.Session) []string {
	lines := make([]string, 0, len(ends))
	for _, session := range ends {
		if !isPerson(session) {
			continue
		}
		line := fmt.Sprintf("session %s of %s", session.ID, session.User)
		if session.Seat != "" {
			line += " on " + session.Seat
		}
		if session.Type != "" {
			line += " (" + session.Type + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func sessionRows(sessions []fsm.Session) []manager1.Session {
	rows := make([]manager1.Session, 0, len(sessions))
	for _, session := range sessions {
		rows = append(rows, manager1.Session{Session: session.ID, UID: session.UID, User: session.User,
			Seat: session.Seat, Type: session.Type, Class: session.Class})
	}
	return rows
}

// recordRow is a transition that is over, or open.
func recordRow(t fsm.Transition) manager1.Record {
	r := manager1.Record{ID: t.ID, From: t.From, To: t.To, Event: t.Event, Trigger: t.Trigger, Reason: t.Reason,
		RequesterUID: t.UID, Outcome: string(t.Outcome), Mode: t.Mode, Message: t.Message, Lost: lostLines(t.Lost),
		Started: t.Started, Finished: t.Finished, DurationMS: elapsed(t.Started, t.Finished), Override: t.Override,
		Verdicts: verdictRows(t.Verdicts), Steps: stepRows(t.Steps, t.Ends), Facts: string(t.Facts)}
	if t.Outcome == fsm.Stuck {
		r.Mode = manager1.ModeTransitioning
	}
	return r
}

func lostLines(lost []fsm.Session) []string {
	lines := make([]string, 0, len(lost))
	for _, session := range lost {
		lines = append(lines, fmt.Sprintf("programs of %s (session %s)", session.User, session.ID))
	}
	return lines
}

// progressRow is the open transition; the zero value when there is none.
func progressRow(p *fsm.Progress) manager1.Progress {
	if p == nil {
		return manager1.Progress{}
	}
	row := manager1.Progress{ID: p.ID, From: p.From, To: p.To, Event: p.Event, Trigger: p.Trigger, Reason: p.Reason,
		RequesterUID: p.UID, Phase: string(p.Phase), Step: p.Step, Index: uint32(p.Index), Of: uint32(p.Of),
		Past: p.Past, NoReturn: manager1.NoReturnPoint, Ends: endLines(p.Ends), Started: p.Started,
		Deadline: p.Deadline, Message: p.Note}
	if p.NoReturn >= 0 {
		row.NoReturn = uint32(p.NoReturn)
	}
	return row
}
