package journal

import (
	"go.uber.org/zap"

	"github.com/modectl/moded/pkg/fsm"
)

// MESSAGE_IDs, one for each kind of news. They never change; the catalog
// explains them.
const (
	IDStarted     = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a01"
	IDStep        = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a02"
	IDStepFailed  = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a03"
	IDSettled     = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a04"
	IDRolledBack  = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a05"
	IDStuck       = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a06"
	IDRefused     = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a07"
	IDCancelled   = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a08"
	IDModeChanged = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a09"
	IDDegraded    = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a0a"
	IDUp          = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a0b"
	IDAuthorised  = "9a0e0f5c3f0d4f0e8d7a5b1c2e3f4a0c"
)

// Story is an fsm.Observer that logs transitions. It is called in order by the
// engine and does nothing slow but a datagram to journald.
type Story struct {
	log      *zap.Logger
	open     fsm.Transition
	degraded map[string]bool
}

// NewStory tells it to log.
func NewStory(log *zap.Logger) *Story {
	return &Story{log: log, degraded: map[string]bool{}}
}

// Changed logs what has become wrong, once.
func (s *Story) Changed(state fsm.State) {
	now := make(map[string]bool, len(state.Degraded))
	for _, text := range state.Degraded {
		if now[text] = true; !s.degraded[text] {
			s.log.Warn("degraded", zap.String("message_id", IDDegraded), zap.String("reason", text), zap.String("mode", state.Mode))
		}
	}
	s.degraded = now
}

// Started logs the beginning.
func (s *Story) Started(t fsm.Transition) {
	s.open = t
	s.log.Info("transition started", s.fields(t, IDStarted)...)
}

// StepChanged logs each end of a step's life.
func (s *Story) StepChanged(id uint32, total int, st fsm.Step) {
	fields := []zap.Field{zap.Uint32("transition", id), zap.String("from", s.open.From), zap.String("to", s.open.To),
		zap.String("step", st.Name()), zap.Int("index", st.Index), zap.Int("total", total), zap.String("status", string(st.Status)),
		zap.String("summary", st.Summary)}
	switch st.Status {
	case fsm.Failed:
		s.log.Warn("step failed", append(fields, zap.String("message_id", IDStepFailed), zap.String("reason", st.Problem))...)
	case fsm.Done:
		s.log.Info("step", append(fields, zap.String("message_id", IDStep), zap.Duration("took", st.Ended.Sub(st.Began)))...)
	case fsm.Undone:
		s.log.Info("step", append(fields, zap.String("message_id", IDStep), zap.Duration("took", st.UndoEnded.Sub(st.UndoBegan)))...)
	default:
		s.log.Debug("step", append(fields, zap.String("message_id", IDStep))...)
	}
}

// StepEndedLate logs how a step ended after the mode had settled, with the story
// of its transition.
func (s *Story) StepEndedLate(id uint32, total int, st fsm.Step) { s.StepChanged(id, total, st) }

// Finished logs the outcome.
func (s *Story) Finished(t fsm.Transition) {
	switch t.Outcome {
	case fsm.Settled:
		s.log.Info("transition settled", s.fields(t, IDSettled)...)
	case fsm.RolledBack:
		s.log.Warn("transition rolled back", s.fields(t, IDRolledBack)...)
	case fsm.Stuck:
		s.log.Error("transition stuck", s.fields(t, IDStuck)...)
	case fsm.Cancelled:
		s.log.Info("transition cancelled", s.fields(t, IDCancelled)...)
	case fsm.Refused:
		s.log.Info("transition refused", s.fields(t, IDRefused)...)
	}
}

// ModeChanged logs each change of settled mode.
func (s *Story) ModeChanged(from, to string, id uint32) {
	s.log.Info("mode changed", zap.String("message_id", IDModeChanged), zap.String("from", from), zap.String("to", to),
		zap.Uint32("transition", id))
}

func (s *Story) fields(t fsm.Transition, message string) []zap.Field {
	reason := t.Message
	if reason == "" {
		reason = t.Reason
	}
	fields := []zap.Field{zap.String("message_id", message), zap.Uint32("transition", t.ID), zap.String("from", t.From),
		zap.String("to", t.To), zap.String("event", t.Event), zap.String("trigger", t.Trigger), zap.Uint32("uid", t.UID),
		zap.Bool("override", t.Override), zap.String("reason", reason)}
	if t.Outcome != "" {
		fields = append(fields, zap.String("outcome", string(t.Outcome)), zap.String("mode", t.Mode))
	}
	for _, lost := range t.Lost {
		fields = append(fields, zap.String("lost_"+lost.ID, lost.User))
	}
	return fields
}
