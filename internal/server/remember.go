package server

import (
	"sync/atomic"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// remembered is how far back a plan looks for how long its steps take.
const remembered = 24

// memory is how long steps took when they were last done. To read so many
// transitions takes longer than to make most plans, and readers ask for plans
// again and again, so it is read once after each transition. The zero value has
// read nothing.
type memory struct {
	finished atomic.Uint64 // how many transitions have been since the start
	read     atomic.Pointer[recollection]
}

// recollection is by the way from mode to mode, and then by the step's name.
type recollection struct {
	finished uint64
	took     map[[2]string]map[string]uint32
}

// forget is called when a transition is in the history. It does not block.
func (m *memory) forget() { m.finished.Add(1) }

// of is how long steps took on that way, or nil. It must not be changed.
func (m *memory) of(history fsm.History, from, to string) map[string]uint32 {
	now := m.finished.Load() // before the history is read: what ends meanwhile is read by the next
	known := m.read.Load()
	if known == nil || known.finished != now {
		past, err := history.List(remembered)
		if err != nil {
			return nil
		}
		known = &recollection{now, durations(past)}
		m.read.Store(known)
	}
	return known.took[[2]string{from, to}]
}

// durations makes of transitions, newest first, what people want to know of the
// next one.
func durations(past []fsm.Transition) map[[2]string]map[string]uint32 {
	all := map[[2]string]map[string]uint32{}
	for _, t := range past {
		way := [2]string{t.From, t.To}
		for _, st := range t.Steps {
			took := elapsed(st.Began, st.Ended)
			if st.Status != fsm.Done || took == 0 || all[way][st.Name()] != 0 {
				continue
			}
			if all[way] == nil {
				all[way] = map[string]uint32{}
			}
			all[way][st.Name()] = took
		}
	}
	return all
}

// expect says of each step how long it took when it was last done on this way.
func expect(steps []manager1.Step, took map[string]uint32) {
	for i := range steps {
		if steps[i].DurationMS == 0 {
			steps[i].DurationMS = took[steps[i].Name]
		}
	}
}
