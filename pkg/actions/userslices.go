package actions

import (
	"context"
	"encoding/json"
	"fmt"
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

// order is that of a slice. Agents get a third of what audio gets: there is nothing
// to stop or to start, and what a user's manager cannot do it cannot do later
// either.
func (u userSlices) order(key string) standing {
	return standing{agents: u.agents, timing: u.timing, kind: "slices/" + key, name: key, long: key + " of the users",
		patience: u.timing.Audio / 3}
}

// Bound is how long agents may take.
func (u userSlices) Bound(string, fsm.Value) time.Duration { return u.order("").patience + slack }

// Describe names the slice and what is set.
func (u userSlices) Describe(key string, want fsm.Value, _ bool) (summary string, details []string) {
	l, _ := decodeLimits(want) // a broken value is told by Do
	return "limit " + key + " of each user", []string{l.describe()}
}

// Capture keeps the standing order. What was there before any order is the
// agents' own to remember: who is logged in may change until the undo.
func (u userSlices) Capture(_ context.Context, key string, _ fsm.Value) (fsm.Snapshot, error) {
	return u.order(key).capture(), nil
}

// Do gives the order and waits until it is followed.
func (u userSlices) Do(ctx context.Context, key string, want fsm.Value) error {
	order, err := u.orderOf(want)
	if err != nil {
		return err
	}
	u.order(key).give(fsm.NewValue(order))
	return u.order(key).obeyed(ctx, u.insisting(ctx, key, fsm.NewValue(order)))
}

// Undo gives the order of before again, or has the agents put back what they
// found.
func (u userSlices) Undo(ctx context.Context, key string, was fsm.Snapshot) error {
	order, stood, err := before(was, asBefore)
	if err != nil {
		return err
	}
	return u.order(key).back(ctx, order, stood, u.insisting(ctx, key, order))
}

// Settled tells whether the order stands and everybody follows it. With nobody
// there, everybody does.
func (u userSlices) Settled(ctx context.Context, key string, want fsm.Value) (bool, error) {
	order, err := u.orderOf(want)
	if err != nil || u.agents.Standing(u.order(key).kind) != fsm.NewValue(order) {
		return false, err
	}
	return u.Resembles(ctx, key, want)
}

// Resembles leaves the standing order out.
func (u userSlices) Resembles(ctx context.Context, key string, want fsm.Value) (bool, error) {
	left, err := u.deviants(ctx, key, want)
	return err == nil && len(left) == 0, err
}

// Tell names the users whose slice is other than ordered, and in what.
func (u userSlices) Tell(ctx context.Context, key string, want fsm.Value) (string, error) {
	left, err := u.deviants(ctx, key, want)
	return strings.Join(left, ", "), err
}

func (u userSlices) deviants(ctx context.Context, key string, want fsm.Value) ([]string, error) {
	order, err := u.orderOf(want)
	if err != nil {
		return nil, err
	}
	return u.order(key).each(ctx, func(uid uint32) (string, error) { return u.differs(ctx, uid, key, order) })
}

// Resume gives the order of the mode that the daemon found itself in.
func (u userSlices) Resume(key string, want fsm.Value) {
	if order, err := u.orderOf(want); err == nil {
		u.order(key).give(fsm.NewValue(order))
	}
}

// insisting has each agent apply the order, and returns who has not settled.
func (u userSlices) insisting(ctx context.Context, key string, order fsm.Value) func() ([]string, error) {
	return func() ([]string, error) {
		return u.order(key).each(ctx, func(uid uint32) (string, error) {
			return u.order(key).insist(ctx, uid, order, key+" is not as ordered")
		})
	}
}

// differs says in what a user's slice is not as ordered.
func (u userSlices) differs(ctx context.Context, uid uint32, key string, order userLimits) (string, error) {
	raw, err := u.agents.Capture(ctx, uid, u.order(key).kind)
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
