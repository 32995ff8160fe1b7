package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// userSlices is the kind user-slices: limits of a slice inside every user's
// manager. PID 1 cannot set them; the users' agents do, by a standing order for
// those who are logged in and those who come. The key is the slice.
type userSlices struct {
	agents Agents
	timing Timing
}

// userLimits are the limits that a user's manager can keep: it has no say over
// CPU sets. As an order, nil is what it was before the first order.
type userLimits struct {
	CPUWeight  *uint64 `json:"cpu-weight,omitempty"`
	IOWeight   *uint64 `json:"io-weight,omitempty"`
	MemoryHigh *int64  `json:"memory-high,omitempty"` // -1: no limit
}

type userSlicesSnapshot struct {
	// Standing is the order before; null when there was none.
	Standing fsm.Value `json:"standing"`
}

// asBefore orders what was there before the first order.
const asBefore = fsm.Value("{}")

// orderOf is the order that a value, as configuration has it, comes to.
func (userSlices) orderOf(want fsm.Value) (userLimits, error) {
	l, err := decodeLimits(want)
	if err == nil && (l.CPUQuota != nil || l.AllowedCPUs != nil) {
		err = fmt.Errorf("a user's manager cannot keep %s", l.describe())
	}
	order := userLimits{CPUWeight: l.CPUWeight, IOWeight: l.IOWeight}
	if l.MemoryHigh != nil {
		high := int64(-1)
		if *l.MemoryHigh <= 1<<62 {
			high = int64(*l.MemoryHigh) // #nosec G115 -- within
		}
		order.MemoryHigh = &high
	}
	return order, err
}

func (userSlices) kind(key string) string { return "slices/" + key }

// patience is how long agents may take: a third of what audio gets. There is
// nothing to stop or to start, and what a user's manager cannot do it cannot do
// later either.
func (u userSlices) patience() time.Duration { return u.timing.Audio / 3 }

// Bound is how long agents may take.
func (u userSlices) Bound(string, fsm.Value) time.Duration { return u.patience() + slack }

// Describe names the slice and what is set.
func (u userSlices) Describe(key string, want fsm.Value, _ bool) (summary string, details []string) {
	l, _ := decodeLimits(want) // a broken value is told by Do
	return "limit " + key + " of each user", []string{l.describe()}
}

// Capture keeps the standing order. What was there before any order is the
// agents' own to remember: who is logged in may change until the undo.
func (u userSlices) Capture(_ context.Context, key string, _ fsm.Value) (fsm.Snapshot, error) {
	return fsm.NewValue(userSlicesSnapshot{Standing: u.agents.Standing(u.kind(key))}), nil
}

// Do gives the order and waits until it is followed.
func (u userSlices) Do(ctx context.Context, key string, want fsm.Value) error {
	order, err := u.orderOf(want)
	if err != nil {
		return err
	}
	if u.agents.Standing(u.kind(key)) != fsm.NewValue(order) {
		u.agents.Order(u.kind(key), fsm.NewValue(order))
	}
	left, err := u.followed(ctx, key, fsm.NewValue(order))
	switch {
	case err != nil:
		return fmt.Errorf("cannot wait for %s of the users: %w", key, err)
	case len(left) > 0:
		return fmt.Errorf("%s is not as ordered after %s: %s", key, u.patience(), strings.Join(left, ", "))
	}
	return nil
}

// Undo gives the order of before again, or has the agents put back what they
// found. An agent that does not answer is not in the way of the rest of the
// rollback: the order stands for it too.
func (u userSlices) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	var snapshot userSlicesSnapshot
	if err := was.Decode(&snapshot); err != nil {
		return err
	}
	order := snapshot.Standing
	if order == "" {
		order = asBefore
	}
	u.agents.Order(u.kind(key), order)
	if _, err := u.followed(ctx, key, order); err != nil {
		return fmt.Errorf("cannot wait for %s of the users: %w", key, err)
	}
	if snapshot.Standing == "" {
		u.agents.Order(u.kind(key), "")
	}
	return nil
}

// Settled tells whether the order stands and everybody follows it. With nobody
// there, everybody does.
func (u userSlices) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	order, err := u.orderOf(want)
	if err != nil || u.agents.Standing(u.kind(key)) != fsm.NewValue(order) {
		return false, err
	}
	return u.Resembles(ctx, key, want)
}

// Resembles leaves the standing order out.
func (u userSlices) Resembles(ctx context.Context, key string, want fsm.Value) (bool, error) {
	order, err := u.orderOf(want)
	if err != nil {
		return false, err
	}
	left, err := u.each(ctx, func(uid uint32) (string, error) { return u.differs(ctx, uid, key, order) })
	return err == nil && len(left) == 0, err
}

// Resume gives the order of the mode that the daemon found itself in.
func (u userSlices) Resume(key string, want fsm.Value) {
	order, err := u.orderOf(want)
	if err == nil && u.agents.Standing(u.kind(key)) != fsm.NewValue(order) {
		u.agents.Order(u.kind(key), fsm.NewValue(order))
	}
}

// followed has each agent apply the order until all say that it is settled, and
// returns those who are left when time is up. An agent that does not answer is
// one of them.
func (u userSlices) followed(ctx context.Context, key string, order fsm.Value) (left []string, err error) {
	insist := func(uid uint32) (string, error) {
		settled, why, err := u.agents.Apply(ctx, uid, u.kind(key), order)
		if settled || err != nil {
			return "", err
		}
		return why, nil
	}
	_, err = until(ctx, u.patience(), 2*u.timing.Poll, func() (bool, error) {
		var err error
		if left, err = u.each(ctx, insist); err != nil {
			left = []string{err.Error()}
		}
		if len(left) > 0 {
			fsm.Report(ctx, "waiting for "+key+": "+strings.Join(left, ", "))
		}
		return len(left) == 0, nil
	})
	return left, err
}

// each asks about every agent, and returns what is said of those who differ.
func (u userSlices) each(ctx context.Context, ask func(uid uint32) (string, error)) (left []string, err error) {
	for _, uid := range u.agents.Registered() {
		why, err := ask(uid)
		switch {
		case err != nil && !slices.Contains(u.agents.Registered(), uid):
			continue // it left while we asked
		case err != nil:
			return nil, fmt.Errorf("cannot ask agent of uid %d: %w", uid, err)
		case why != "":
			left = append(left, fmt.Sprintf("uid %d: %s", uid, why))
		}
		if ctx.Err() != nil {
			return left, context.Cause(ctx)
		}
	}
	return left, nil
}

// differs says in what a user's slice is not as ordered.
func (u userSlices) differs(ctx context.Context, uid uint32, key string, order userLimits) (string, error) {
	raw, err := u.agents.Capture(ctx, uid, u.kind(key))
	if err != nil {
		return "", err
	}
	var have userLimits
	if err := json.Unmarshal([]byte(raw), &have); err != nil {
		return "", fmt.Errorf("cannot read its answer: %w", err)
	}
	var words []string
	compare := func(name string, same bool) {
		if !same {
			words = append(words, name)
		}
	}
	compare("cpu-weight", sameNumber(order.CPUWeight, have.CPUWeight))
	compare("io-weight", sameNumber(order.IOWeight, have.IOWeight))
	compare("memory-high", sameNumber(order.MemoryHigh, have.MemoryHigh))
	if len(words) == 0 {
		return "", nil
	}
	return strings.Join(words, " and ") + " of " + key + " is not as ordered", nil
}

// sameNumber compares with what is ordered, if anything is.
func sameNumber[T comparable](order, have *T) bool {
	return order == nil || have != nil && *have == *order
}
