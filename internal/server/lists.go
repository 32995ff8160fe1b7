package server

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// Bounds of ListHistory.
const (
	usualHistory = 64
	maxHistory   = 1000
)

func (s *Server) listModes(context.Context, *call) ([]any, error) {
	catalog, state := s.engine.Catalog(), s.engine.State()
	at := origin(state)
	var rows []manager1.ModeInfo
	for _, m := range catalog.Modes() {
		row := manager1.ModeInfo{Mode: m.Name, Summary: m.Summary, Headless: m.Headless,
			Current: m.Name == state.Mode, Default: m.Name == catalog.Default(), Settings: s.settingLines(m)}
		row.Way = way(catalog, at, m.Name)
		row.Reachable = row.Current || len(row.Way) == 1
		rows = append(rows, row)
	}
	return []any{manager1.EncodeList(rows)}, nil
}

// origin is the mode from which ways are counted: under way, where it began.
func origin(state fsm.State) string {
	if state.Mode == fsm.Transitioning && state.Open != nil {
		return state.Open.From
	}
	return state.Mode
}

// way lists the modes to go through, the last one included.
func way(catalog *fsm.Catalog, from, to string) []string {
	if from == to {
		return nil
	}
	if from == fsm.Boot && to == catalog.Default() {
		return []string{to}
	}
	chain := catalog.Way(from, to)
	if len(chain) == 0 {
		return nil
	}
	if from == fsm.Boot {
		return chain
	}
	return chain[1:]
}

// settingLines says where a mode's knobs stand: "gui off", "gpus/gpu0 compute".
func (s *Server) settingLines(m fsm.Mode) []string {
	lines := make([]string, 0, len(m.Settings))
	for _, setting := range m.Settings {
		lines = append(lines, setting.ID()+" "+s.engine.Words(setting.Kind, setting.Value))
	}
	return lines
}

func (s *Server) listHistory(_ context.Context, c *call) ([]any, error) {
	limit := int(min(c.number(0), maxHistory))
	if limit == 0 {
		limit = usualHistory
	}
	list, err := s.engine.History().List(limit)
	if err != nil {
		return nil, err
	}
	rows := make([]manager1.Record, 0, len(list))
	for _, t := range list {
		rows = append(rows, recordRow(t).Brief())
	}
	return []any{manager1.EncodeList(rows)}, nil
}

func (s *Server) getTransition(_ context.Context, c *call) ([]any, error) {
	id, now := c.number(0), s.engine.State().Open
	open, there := s.record.open(now)
	there = there && (id == 0 || id == open.ID)
	if there && now.Phase != fsm.StuckPhase {
		return []any{recordRow(open).ToMap()}, nil
	}
	t, err := s.fromHistory(cmp.Or(id, open.ID)) // of a stuck one it has the outcome
	switch {
	case there && errors.Is(err, fsm.ErrNotFound):
		return []any{recordRow(open).ToMap()}, nil
	case errors.Is(err, fsm.ErrNotFound):
		return nil, manager1.Errorf(manager1.ErrNotFound, "the history has no such transition")
	case err != nil:
		return nil, err
	}
	return []any{recordRow(t).ToMap()}, nil
}

// fromHistory finds a finished transition; id 0 is the newest.
func (s *Server) fromHistory(id uint32) (fsm.Transition, error) {
	if id != 0 {
		return s.engine.History().Get(id)
	}
	list, err := s.engine.History().List(1)
	if err != nil || len(list) == 0 {
		return fsm.Transition{}, errors.Join(err, fsm.ErrNotFound)
	}
	return list[0], nil
}

// verify answers with every setting of the mode, those that differ with why.
func (s *Server) verify(ctx context.Context, _ *call) ([]any, error) {
	differences, err := s.engine.Verify(ctx)
	if err != nil {
		return nil, err
	}
	state := s.engine.State()
	mode, ok := s.engine.Catalog().Mode(cmp.Or(state.Target, state.Mode))
	if !ok {
		return []any{[]manager1.Dict{}}, nil
	}
	rows := make([]manager1.Setting, 0, len(mode.Settings))
	for _, setting := range mode.Settings {
		rows = append(rows, s.settingRow(setting, differences))
	}
	return []any{manager1.EncodeList(rows)}, nil
}

func (s *Server) settingRow(setting fsm.Setting, differences []fsm.Difference) manager1.Setting {
	row := manager1.Setting{Kind: setting.Kind, Key: setting.Key, Want: s.engine.Words(setting.Kind, setting.Value), Settled: true,
		Essential: setting.Essential}
	at := slices.IndexFunc(differences, func(d fsm.Difference) bool { return d.ID() == setting.ID() })
	if at < 0 {
		row.Have = row.Want
		return row
	}
	row.Settled = false
	if d := differences[at]; d.Unseen {
		row.Error = d.Problem
	} else {
		row.Have = d.Problem
	}
	return row
}
