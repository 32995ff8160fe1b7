package triggers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// Which graphical sessions may be ended by idleness.
const (
	// NoSessions is none: idleness counts only while nobody has a desktop.
	NoSessions = "none"
	// LockedSessions are those behind a lock screen.
	LockedSessions = "locked"
	// AnySessions are all.
	AnySessions = "any"
)

// idleness knows since when nobody has been at the machine. Its clock is our
// own: it stands still while the machine sleeps and cannot be set, so neither
// waking up nor a new time of day makes anybody idle. Until it has itself seen
// the machine quiet for the whole time, it is not.
type idleness struct {
	after    time.Duration
	sessions string
	// since is when the present quiet began; zero while somebody is active.
	since time.Time
	// busy says who is; empty while it is quiet.
	busy string
	// vague is set while a terminal has not been used since the quiet began and
	// logind does not call it idle yet. It will not tell when it does.
	vague bool
	// moved says what ended the quiet before this one.
	moved string
	// looked is when, and seen what was there: the last use of each session.
	looked time.Time
	seen   map[string]time.Time
	// blind is set while there is a terminal, whose use logind does not signal.
	blind bool
}

// restart forgets the quiet so far.
func (q *idleness) restart(now time.Time, why string) {
	if !q.since.IsZero() {
		q.since, q.moved = now, why
	}
}

// look takes in what logind says now.
func (q *idleness) look(now time.Time, s facts.Sessions) {
	q.looked = now
	if !s.Known() {
		q.since, q.seen, q.blind = time.Time{}, nil, false
		q.busy = "it cannot be seen who is logged in: " + s.Unknown
		q.moved = q.busy
		return
	}
	was, moved := q.seen, ""
	q.seen, q.vague, q.blind, q.busy = map[string]time.Time{}, false, false, ""
	for _, one := range s.List {
		if !counts(one) {
			continue
		}
		q.seen[one.ID] = one.IdleSince
		if last, known := was[one.ID]; !known {
			moved = named(one) + " has begun"
		} else if !last.Equal(one.IdleSince) {
			moved = named(one) + " was used"
		}
		if why := q.inUse(one); why != "" && q.busy == "" {
			q.busy = why
		}
	}
	if len(q.seen) < len(was) && moved == "" {
		moved = "a session has ended"
	}
	q.judge(now, was == nil, moved)
}

func (q *idleness) judge(now time.Time, first bool, moved string) {
	switch {
	case q.busy != "":
		q.since, q.moved = time.Time{}, q.busy
	case moved != "" && !q.since.IsZero() && !first:
		q.since, q.moved = now, moved
	case q.since.IsZero():
		q.since = now
	}
}

// activeSince says what somebody has done since then, or nothing.
func (q *idleness) activeSince(then time.Time) string {
	if q.since.IsZero() || q.since.After(then) {
		return q.moved
	}
	return ""
}

// counts tells whether there is a person behind the session.
func counts(s facts.Session) bool { return strings.HasPrefix(s.Class, "user") && s.State != "closing" }

// terminal tells whether logind knows when the session was used last: it looks
// at its terminal when it is asked, and sends no signals.
func terminal(s facts.Session) bool { return !s.Graphical() && !s.IdleSince.IsZero() }

// inUse says why the session keeps the machine from being idle, or nothing.
func (q *idleness) inUse(s facts.Session) string {
	switch {
	case s.Graphical() && q.sessions == NoSessions:
		return named(s) + " is a desktop"
	case terminal(s):
		q.blind, q.vague = true, q.vague || !s.Idle
		return ""
	case !s.Idle:
		return named(s) + " is in use"
	case s.Graphical() && q.sessions == LockedSessions && !s.Locked:
		return named(s) + " is not locked"
	}
	return ""
}

func named(s facts.Session) string { return fmt.Sprintf("session %s of %s", s.ID, s.User) }

// ripe tells whether it has been quiet for long enough.
func (q *idleness) ripe(now time.Time) bool {
	return !q.since.IsZero() && !q.vague && now.Sub(q.since) >= q.after
}

// next is when it may be ripe, or zero while only news can tell. A terminal that
// keeps one from saying is looked at once in that time.
func (q *idleness) next() time.Time {
	switch {
	case q.since.IsZero():
		return time.Time{}
	case q.looked.Sub(q.since) >= q.after:
		return q.looked.Add(q.after)
	}
	return q.since.Add(q.after)
}

// desktops lists the sessions of persons at the machine's own screens.
func desktops(s facts.Sessions) []facts.Session {
	return slices.DeleteFunc(slices.Clone(s.List), func(one facts.Session) bool {
		return !one.Graphical() || one.Remote || one.State == "closing"
	})
}
