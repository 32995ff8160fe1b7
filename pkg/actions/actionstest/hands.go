package actionstest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
)

type sliceHands struct{ m *Machine }

func (h sliceHands) Limits(_ context.Context, slice string) (actions.Limits, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	l, ok := h.m.Limits[slice]
	if !ok {
		return l, actions.ErrNoUnit
	}
	return l, nil
}

func (h sliceHands) SetLimits(_ context.Context, slice string, l actions.Limits) error {
	return h.m.effect(func() error {
		now, ok := h.m.Limits[slice]
		if !ok {
			return actions.ErrNoUnit
		}
		set(&now.CPUWeight, l.CPUWeight)
		set(&now.IOWeight, l.IOWeight)
		set(&now.MemoryHigh, l.MemoryHigh)
		set(&now.CPUQuota, l.CPUQuota)
		set(&now.AllowedCPUs, l.AllowedCPUs)
		h.m.Limits[slice] = now
		return nil
	})
}

func set[T any](now **T, want *T) {
	if want != nil {
		*now = want
	}
}

type logindHands struct{ m *Machine }

func (h logindHands) Graphical(context.Context) ([]fsm.Session, error) {
	return h.list(func(s fsm.Session) bool { return s.Type == "wayland" }), nil
}

func (h logindHands) OtherSessions(_ context.Context, uid uint32, except []string) ([]fsm.Session, error) {
	return h.list(func(s fsm.Session) bool { return s.UID == uid && !slices.Contains(except, s.ID) }), nil
}

func (h logindHands) list(match func(fsm.Session) bool) []fsm.Session {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	var found []fsm.Session
	for _, s := range h.m.Sessions {
		if match(s) {
			found = append(found, s)
		}
	}
	return found
}

func (h logindHands) SessionState(_ context.Context, id string) (string, error) {
	if len(h.list(func(s fsm.Session) bool { return s.ID == id })) == 0 {
		return "gone", nil
	}
	return "active", nil
}

func (h logindHands) Terminate(_ context.Context, id string) error {
	return h.m.effect(func() error {
		if _, stubborn := h.m.Stubborn[id]; !stubborn {
			h.m.endSession(id)
		}
		return nil
	})
}

func (h logindHands) Kill(_ context.Context, id string) error {
	return h.m.effect(func() error {
		if !h.m.Stubborn[id] {
			h.m.endSession(id)
		}
		return nil
	})
}

func (h logindHands) Leader(_ context.Context, id string) (uint32, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.Leaders[id], nil
}

type agentHands struct{ m *Machine }

func (h agentHands) Registered() []uint32 {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return slices.Sorted(maps.Keys(h.m.Audio))
}

func (h agentHands) Apply(_ context.Context, uid uint32, kind string, want fsm.Value) (settled bool, detail string, err error) {
	err = h.m.effect(func() error {
		switch {
		case kind == "session":
			h.m.Desktop[uid] = false
			h.m.release(func(d actions.DeviceHolder) bool { return d.UID == uid })
			settled = true
		case h.m.Deaf[uid]:
			detail = "pipewire.socket is inactive"
			if kind != "audio" {
				detail = "cpu is not delegated"
			}
		default:
			h.m.obey(uid, kind, want)
			settled = true
		}
		return nil
	})
	return settled, detail, err
}

// obey follows an order: about audio as far as the user has PipeWire. Slices
// that an order is silent about are as they were at first.
func (m *Machine) obey(uid uint32, kind string, want fsm.Value) {
	slice, sliced := strings.CutPrefix(kind, "slices/")
	switch {
	case m.Deaf[uid]:
	case !sliced && !m.Silent[uid]:
		m.Audio[uid] = want
	case sliced && want == "{}":
		m.Slices[uid] = maps.Clone(m.Slices[uid])
		delete(m.Slices[uid], slice)
	case sliced:
		m.Slices[uid] = maps.Clone(m.Slices[uid])
		if m.Slices[uid] == nil {
			m.Slices[uid] = map[string]fsm.Value{}
		}
		m.Slices[uid][slice] = want
	}
}

func (h agentHands) Capture(_ context.Context, uid uint32, kind string) (fsm.Value, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if kind == "session" {
		return fsm.NewValue(map[string]string{"graphical": map[bool]string{true: "active", false: "inactive"}[h.m.Desktop[uid]]}), nil
	}
	if slice, ok := strings.CutPrefix(kind, "slices/"); ok {
		if have, ok := h.m.Slices[uid][slice]; ok {
			return have, nil
		}
		return `{"cpu-weight":100,"io-weight":100,"memory-high":-1}`, nil
	}
	return h.m.Audio[uid], nil
}

func (h agentHands) Order(kind string, want fsm.Value) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.m.effects++
	if want == "" {
		delete(h.m.Orders, kind)
		return
	}
	h.m.Orders[kind] = want
	for uid := range h.m.Audio {
		h.m.obey(uid, kind, want)
	}
}

func (h agentHands) Standing(kind string) fsm.Value {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.Orders[kind]
}

func (h agentHands) AudioServers(context.Context) ([]uint32, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return slices.Clone(h.m.Stray), nil
}

type deviceHands struct{ m *Machine }

func (h deviceHands) Devices(context.Context) ([]actions.Device, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	devices := slices.Clone(h.m.GPUs)
	for i := range devices {
		devices[i].Holders = slices.Clone(devices[i].Holders)
	}
	return devices, nil
}

type fileHands struct{ m *Machine }

func (h fileHands) ReadEnv(unit string) (string, bool, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	text, ok := h.m.Env[unit]
	return text, ok, nil
}

func (h fileHands) WriteEnv(unit, text string) error {
	return h.m.effect(func() error { h.m.Env[unit] = text; return nil })
}

func (h fileHands) RemoveEnv(unit string) error {
	return h.m.effect(func() error { delete(h.m.Env, unit); return nil })
}

func (h fileHands) Denied(unit string) (bool, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.Denied[unit], nil
}

func (h fileHands) Deny(unit string, shut bool) error {
	return h.m.effect(func() error {
		delete(h.m.Denied, unit)
		if shut {
			h.m.Denied[unit] = true
		}
		return nil
	})
}

type proberHands struct{ m *Machine }

func (h proberHands) Ready(_ context.Context, url string) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if when, waits := h.m.NotReady[url]; waits && time.Now().Before(when) {
		return fmt.Errorf("cannot get %s: connection refused", url)
	}
	return nil
}
