package server

import (
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// The engine calls what follows from its own goroutine, with its lock held:
// nothing here blocks, and nothing calls the engine.

// Changed implements fsm.Observer.
func (s *Server) Changed(state fsm.State) {
	s.shown.Store(&snapshot{server: s, state: state})
	s.emitter.changed()
	s.tellDegraded(state)
}

// touch shows again what has changed beside the engine's state: the last
// record, the list of modes, or how many holds there are.
func (s *Server) touch() {
	s.renew()
	s.emitter.changed()
}

// renew makes readers see what has changed beside the engine's state.
func (s *Server) renew() {
	for {
		old := s.shown.Load()
		if s.shown.CompareAndSwap(old, &snapshot{server: s, state: old.state}) {
			return
		}
	}
}

// Started implements fsm.Observer.
func (s *Server) Started(t fsm.Transition) {
	s.record.start(t)
	s.emitter.signal(manager1.SignalTransitionStarted, t.ID, t.From, t.To, t.Reason)
}

// StepChanged implements fsm.Observer.
func (s *Server) StepChanged(id uint32, total int, st fsm.Step) {
	s.emitter.signal(manager1.SignalStepChanged, id, uint32(st.Index), uint32(total), st.Name(), string(st.Status))
}

// Finished implements fsm.Observer.
func (s *Server) Finished(t fsm.Transition) {
	s.record.finish(t)
	s.memory.forget()
	s.touch()
	row := recordRow(t)
	s.emitter.signal(manager1.SignalTransitionFinished, t.ID, row.Outcome, row.Mode, row.Message)
}

// ModeChanged implements fsm.Observer.
func (s *Server) ModeChanged(from, to string, id uint32) {
	s.emitter.signal(manager1.SignalModeChanged, from, to, id)
}

// noteRefusal makes a refusal the last transition: the engine announces only
// those that began.
func (s *Server) noteRefusal(err error) {
	var request *fsm.RequestError
	if !errors.As(err, &request) || !errors.Is(request.Kind, fsm.ErrRefused) || request.ID == 0 {
		return
	}
	if t, err := s.engine.History().Get(request.ID); err == nil {
		s.record.finish(t)
		s.touch()
	}
}

// loadLast finds the newest transition of the time before this process.
func (s *Server) loadLast() {
	list, err := s.engine.History().List(1)
	if err != nil {
		s.log.Warn("cannot read the history", zap.Error(err))
		return
	}
	if len(list) > 0 {
		s.record.finish(list[0])
	}
}

// recorder knows how the transition under way was decided upon, and the last one.
// The zero value is ready.
type recorder struct {
	mu      sync.Mutex
	current fsm.Transition
	last    manager1.Record
}

func (r *recorder) start(t fsm.Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = t
}

func (r *recorder) finish(t fsm.Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.ID >= r.last.ID {
		r.last = recordRow(t).Brief()
	}
}

// newest returns the last transition that is over.
func (r *recorder) newest() manager1.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// open returns the transition of that progress, with its steps as they stand.
func (r *recorder) open(p *fsm.Progress) (fsm.Transition, bool) {
	if p == nil {
		return fsm.Transition{}, false
	}
	t := fsm.Transition{ID: p.ID, From: p.From, To: p.To, Event: p.Event, Reason: p.Reason, UID: p.UID,
		Trigger: p.Trigger, Started: p.Started, Steps: p.Steps}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current.ID == p.ID {
		t.Verdicts, t.Facts = r.current.Verdicts, r.current.Facts
		t.Override = r.current.Override
	}
	return t, true
}
