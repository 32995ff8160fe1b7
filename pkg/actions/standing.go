package actions

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// standing is a standing order to the users' agents, of the kinds audio and
// user-slices. It is given whether anybody is logged in or not.
type standing struct {
	agents   Agents
	timing   Timing
	kind     string // as the agents know it
	name     string // as people do
	long     string // and where it stands alone
	patience time.Duration
}

type standingSnapshot struct {
	// Standing is the order before; null when there was none.
	Standing fsm.Value `json:"standing"`
}

// capture keeps the order.
func (o standing) capture() fsm.Snapshot {
	return fsm.NewValue(standingSnapshot{Standing: o.agents.Standing(o.kind)})
}

// give gives the order, unless it stands already.
func (o standing) give(order fsm.Value) {
	if o.agents.Standing(o.kind) != order {
		o.agents.Order(o.kind, order)
	}
}

// obeyed waits until deviants names nobody any more.
func (o standing) obeyed(ctx context.Context, deviants func() ([]string, error)) error {
	left, err := o.await(ctx, deviants)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s is not as ordered after %s: %s", o.name, o.patience, strings.Join(left, ", "))
	}
	return err
}

// await returns who is left when the patience is at its end. An agent that does
// not answer is one of them.
func (o standing) await(ctx context.Context, deviants func() ([]string, error)) (left []string, err error) {
	_, err = until(ctx, o.patience, 2*o.timing.Poll, func() (bool, error) {
		var err error
		if left, err = deviants(); err != nil {
			left = []string{err.Error()}
		}
		if len(left) > 0 {
			fsm.Report(ctx, "waiting for "+o.name+": "+strings.Join(left, ", "))
		}
		return len(left) == 0, nil
	})
	if err != nil {
		err = fmt.Errorf("cannot wait for %s: %w", o.long, err)
	}
	return left, err
}

// each asks about every agent, and returns what is said of those who differ.
func (o standing) each(ctx context.Context, ask func(uid uint32) (why string, err error)) (left []string, err error) {
	for _, uid := range o.agents.Registered() {
		why, err := ask(uid)
		switch {
		case err != nil && !slices.Contains(o.agents.Registered(), uid):
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

// insist has an agent apply the order, and says why it is not settled then.
func (o standing) insist(ctx context.Context, uid uint32, order fsm.Value, otherwise string) (why string, err error) {
	settled, detail, err := o.agents.Apply(ctx, uid, o.kind, order)
	if settled || err != nil {
		return "", err
	}
	return cmp.Or(detail, otherwise), nil
}

// before is the order of a snapshot; where there was none, what agents do when
// nobody orders anything.
func before(was fsm.Snapshot, none fsm.Value) (order fsm.Value, stood bool, err error) {
	var snapshot standingSnapshot
	if err := was.Decode(&snapshot); err != nil {
		return "", false, err
	}
	return cmp.Or(snapshot.Standing, none), snapshot.Standing != "", nil
}

// back gives the order of before again, whatever stands now: the daemon may have
// forgotten ours in between, the agents have not. It waits for them, but one that
// does not follow is not in the way of the rest of the rollback: the order stands
// for it too.
func (o standing) back(ctx context.Context, order fsm.Value, stood bool, deviants func() ([]string, error)) error {
	o.agents.Order(o.kind, order)
	if _, err := o.await(ctx, deviants); err != nil {
		return err
	}
	if !stood {
		o.agents.Order(o.kind, "")
	}
	return nil
}
