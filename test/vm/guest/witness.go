package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// span is a stretch of time that something took.
type span struct{ from, to time.Time }

func (s span) length() time.Duration { return max(0, s.to.Sub(s.from)) }

// cut is what of the span lies within another.
func (s span) cut(by span) span {
	if s.from.Before(by.from) {
		s.from = by.from
	}
	if s.to.After(by.to) {
		s.to = by.to
	}
	return s
}

// covered is how long at least one of the spans lasted.
func covered(spans []span) time.Duration {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var total time.Duration
	var end time.Time
	for _, s := range spans {
		if s.from.Before(end) {
			s.from = end
		}
		total += s.length()
		if s.to.After(end) {
			end = s.to
		}
	}
	return total
}

// witness listens to the bus and keeps when jobs of PID 1 and of dev's manager
// began and ended, when logind's sessions ended, and when moded's steps did. It
// knows nothing of what moded writes down about itself.
type witness struct {
	conn *dbus.Conn
	user *dbus.Conn // to dev's manager, while dev is there

	mu       sync.Mutex
	jobs     map[dbus.ObjectPath]*work
	done     []*work // jobs that are over
	sessions map[string]time.Time
	steps    []*stepSpan
	failed   time.Time // a step did
	finished chan finish
}

// work is one job, of PID 1 or of dev's manager.
type work struct {
	unit string
	user bool
	span
}

// stepSpan is one of moded's steps.
type stepSpan struct {
	name string
	span
}

// finish is moded's last word of a transition.
type finish struct {
	id                     uint32
	outcome, mode, message string
	at                     time.Time
}

// witness begins to listen, until the scenario is over.
func (t *T) witness() *witness {
	conn, err := dbus.ConnectSystemBus()
	t.must(err)
	t.Cleanup(func() { conn.Close() })
	w := &witness{conn: conn, jobs: map[dbus.ObjectPath]*work{}, sessions: map[string]time.Time{}, finished: make(chan finish, 16)}
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface(busIface)},
		{dbus.WithMatchInterface("org.freedesktop.systemd1.Manager"), dbus.WithMatchMember("JobNew")},
		{dbus.WithMatchInterface("org.freedesktop.systemd1.Manager"), dbus.WithMatchMember("JobRemoved")},
		{dbus.WithMatchInterface("org.freedesktop.login1.Manager"), dbus.WithMatchMember("SessionRemoved")},
	} {
		t.must(conn.AddMatchSignal(match...))
	}
	t.must(conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1").Call("org.freedesktop.systemd1.Manager.Subscribe", 0).Err)
	raw := make(chan *dbus.Signal, 4096)
	conn.Signal(raw)
	go func() {
		for s := range raw {
			w.take(s, time.Now(), false)
		}
	}()
	return w
}

// followUser listens to dev's manager too, which tells root on its private socket
// of every job. When dev has no manager there is nothing to hear.
func (w *witness) followUser() {
	if w.user != nil && w.user.Connected() {
		return
	}
	conn, err := dbus.Dial("unix:path=/run/user/1000/systemd/private")
	if err != nil {
		return
	}
	if conn.Auth([]dbus.Auth{dbus.AuthExternal("0")}) != nil {
		conn.Close()
		return
	}
	raw := make(chan *dbus.Signal, 4096)
	conn.Signal(raw)
	go func() {
		for s := range raw {
			w.take(s, time.Now(), true)
		}
	}()
	w.user = conn
}

func (w *witness) take(s *dbus.Signal, now time.Time, user bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var id uint32
	var path dbus.ObjectPath
	var unit, result string
	switch s.Name {
	case "org.freedesktop.systemd1.Manager.JobNew":
		if dbus.Store(s.Body, &id, &path, &unit) == nil {
			w.jobs[key(path, user)] = &work{unit, user, span{from: now}}
		}
	case "org.freedesktop.systemd1.Manager.JobRemoved":
		if dbus.Store(s.Body, &id, &path, &unit, &result) != nil {
			return
		}
		if job := w.jobs[key(path, user)]; job != nil {
			job.to = now
			w.done = append(w.done, job)
			delete(w.jobs, key(path, user))
		}
	case "org.freedesktop.login1.Manager.SessionRemoved":
		var session string
		if dbus.Store(s.Body, &session, &path) == nil {
			w.sessions[session] = now
		}
	case busIface + ".StepChanged":
		w.step(s.Body, now)
	case busIface + ".TransitionFinished":
		f := finish{at: now}
		if dbus.Store(s.Body, &f.id, &f.outcome, &f.mode, &f.message) == nil {
			w.finished <- f
		}
	}
}

// key tells apart the jobs of two managers.
func key(path dbus.ObjectPath, user bool) dbus.ObjectPath {
	if user {
		return "user:" + path
	}
	return path
}

func (w *witness) step(body []any, now time.Time) {
	var s step
	if dbus.Store(body, &s.id, &s.index, &s.total, &s.name, &s.status) != nil {
		return
	}
	switch s.status {
	case "doing", "undoing":
		w.steps = append(w.steps, &stepSpan{s.name, span{from: now}})
	case "done", "undone", "failed":
		if s.status == "failed" {
			w.failed = now
		}
		for _, st := range slices.Backward(w.steps) {
			if st.name == s.name && st.to.IsZero() {
				st.to = now
				return
			}
		}
	}
}

// forget drops what was seen so far.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs, w.done, w.sessions, w.steps, w.failed = map[dbus.ObjectPath]*work{}, nil, map[string]time.Time{}, nil, time.Time{}
	w.followUser()
	for len(w.finished) > 0 {
		<-w.finished
	}
}

// table is what was seen, for the detail: milliseconds from began on.
func (w *witness) table(began time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	add := func(s span, what, name string) {
		lines = append(lines, line{s.from, fmt.Sprintf("%7d %7d %s %s", s.from.Sub(began).Milliseconds(), s.length().Milliseconds(), what, name)})
	}
	for _, st := range w.steps {
		add(st.span, "step", st.name)
	}
	for _, j := range w.done {
		what := " job"
		if j.user {
			what = "user"
		}
		add(j.span, what, j.unit)
	}
	for id, at := range w.sessions {
		add(span{at, at}, "gone", "session "+id)
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.text, b.text)) })
	var b strings.Builder
	fmt.Fprintln(&b, "   from    took (ms)")
	for _, l := range lines {
		fmt.Fprintln(&b, l.text)
	}
	return b.String()
}
