package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/pkg/fsm"
)

// agentTimeout is how long an agent may take to answer.
const agentTimeout = 5 * time.Second

// Apply implements actions.Agents.
func (a *Agents) Apply(ctx context.Context, uid uint32, kind string, want fsm.Value) (settled bool, detail string, err error) {
	unique, err := a.find(uid)
	if err != nil {
		return false, "", err
	}
	return a.apply(ctx, unique, kind, want)
}

func (a *Agents) apply(ctx context.Context, unique, kind string, want fsm.Value) (settled bool, detail string, err error) {
	m, err := toDict(want)
	if err != nil {
		return false, "", fmt.Errorf("cannot write the order: %w", err)
	}
	kind, slice, one := strings.Cut(kind, "/")
	if one {
		m["slice"] = dbus.MakeVariant(slice)
	}
	reply, err := a.call(ctx, unique, manager1.MethodApply, "bs", kind, m)
	if err != nil {
		return false, "", err
	}
	settled, _ = reply[0].(bool)
	text, _ := reply[1].(string)
	return settled, manager1.Clean(text, manager1.MaxText), nil
}

// Capture implements actions.Agents. Texts in the answer are cleaned.
func (a *Agents) Capture(ctx context.Context, uid uint32, kind string) (fsm.Value, error) {
	unique, err := a.find(uid)
	if err != nil {
		return "", err
	}
	kind, slice, one := strings.Cut(kind, "/")
	reply, err := a.call(ctx, unique, manager1.MethodCapture, "a{sv}", kind)
	if err != nil {
		return "", err
	}
	m, _ := reply[0].(manager1.Dict)
	if one {
		return oneSlice(m, slice), nil
	}
	return fsm.NewValue(fromDict(m)), nil
}

// oneSlice is the row of that slice, empty when the agent does not tell it.
func oneSlice(m manager1.Dict, slice string) fsm.Value {
	rows, _ := m["slices"].Value().([]manager1.Dict)
	for _, row := range rows[:min(len(rows), maxRows)] {
		if name, _ := row["slice"].Value().(string); name == slice {
			return fsm.NewValue(fromRow(row))
		}
	}
	return fsm.NewValue(map[string]any{})
}

// call calls an agent and compares the signature of its answer.
func (a *Agents) call(ctx context.Context, unique, member, want string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	c := a.server.conn.Object(unique, manager1.AgentPath).
		CallWithContext(ctx, manager1.AgentInterface+"."+member, dbus.FlagNoAutoStart, args...)
	if c.Err != nil {
		return nil, agentError(c.Err)
	}
	if got := dbus.SignatureOf(c.Body...).String(); len(c.Body) == 0 || got != want {
		return nil, errors.New("the agent's answer has wrong types")
	}
	return c.Body, nil
}

// agentError is what an agent said went wrong, fit to be shown.
func agentError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the agent did not answer in %v: %w", agentTimeout, err)
	}
	return errors.New("the agent says: " + manager1.Clean(err.Error(), manager1.MaxText))
}

// toDict writes an order, a flat object, as a{sv}. Whole numbers are u, but
// for sizes in bytes, which are x.
func toDict(v fsm.Value) (manager1.Dict, error) {
	var tree map[string]any
	if err := json.Unmarshal([]byte(v), &tree); err != nil {
		return nil, err
	}
	m := manager1.Dict{}
	for key, value := range tree {
		switch x := value.(type) {
		case string:
			m[key] = dbus.MakeVariant(x)
		case bool:
			m[key] = dbus.MakeVariant(x)
		case float64:
			if key == "memory-high" {
				m[key] = dbus.MakeVariant(int64(x))
			} else {
				m[key] = dbus.MakeVariant(uint32(max(x, 0)))
			}
		default:
			return nil, fmt.Errorf("%s is neither a text nor a number", strconv.Quote(key))
		}
	}
	return m, nil
}

// Bounds of what an agent may say.
const (
	maxKeys = 64
	maxRows = 64
)

// fromDict reads what an agent says, as far as its types are those of the
// contract.
func fromDict(m manager1.Dict) map[string]any {
	tree := map[string]any{}
	for key, v := range m {
		if len(tree) >= maxKeys {
			break
		}
		if value, ok := fromVariant(v); ok {
			tree[manager1.Clean(key, manager1.MaxText)] = value
		}
	}
	return tree
}

func fromVariant(v dbus.Variant) (any, bool) {
	switch x := v.Value().(type) {
	case string:
		return manager1.Clean(x, manager1.MaxText), true
	case bool, uint32, int64:
		return x, true
	case []string:
		list := []string{}
		for _, text := range x[:min(len(x), maxRows)] {
			list = append(list, manager1.Clean(text, manager1.MaxText))
		}
		return list, true
	case []manager1.Dict:
		rows := []map[string]any{}
		for _, row := range x[:min(len(x), maxRows)] {
			rows = append(rows, fromRow(row))
		}
		return rows, true
	}
	return nil, false
}

// fromRow is fromDict without rows in rows.
func fromRow(m manager1.Dict) map[string]any {
	for key, v := range m {
		if v.Signature().String() == "aa{sv}" {
			delete(m, key)
		}
	}
	return fromDict(m)
}
