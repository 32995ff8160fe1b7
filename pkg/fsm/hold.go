package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// HoldScope says which changes of the mode a hold is against.
type HoldScope string

// The scopes, as on the bus.
const (
	// HoldAutomatic is against changes that no person asked for.
	HoldAutomatic HoldScope = "automatic"
	// HoldAll is against all of them.
	HoldAll HoldScope = "all"
)

// Hold is a claim that the mode must not change.
type Hold struct {
	Scope HoldScope
	// Who and Why are the holder's own words, fit to be shown.
	Who, Why string
	UID      uint32
	User     string
}

// stops tells whether the hold is against the request. A correction keeps the
// mode as it is: no hold is against that.
func (h Hold) stops(req Request) bool {
	return req.Trigger != triggerDrift && (h.Scope == HoldAll || !req.person())
}

// holder is what people call who holds.
func (h Hold) holder() string {
	if h.User == "" {
		return fmt.Sprintf("uid %d", h.UID)
	}
	return h.User
}

// Holds knows who keeps the mode from changing.
type Holds interface {
	// Held lists the holds, the oldest first, and returns a channel that is
	// closed when the list changes next. It does not block.
	Held() (now []Hold, changed <-chan struct{})
}

type noHolds struct{}

func (noHolds) Held() ([]Hold, <-chan struct{}) { return nil, nil }

// held judges the request by the holds. changed is closed when the answer may be
// another.
func (e *Engine) held(req Request) (verdicts []Verdict, changed <-chan struct{}) {
	now, changed := e.cfg.Holds.Held()
	return HoldVerdicts(now, req), changed
}

// HoldVerdicts judges a request by holds, the oldest first: no verdict when none
// is against it. Rollbacks, recoveries and boot are no requests and never come
// here. The verdict can be overridden by root alone.
func HoldVerdicts(holds []Hold, req Request) []Verdict {
	now := slices.DeleteFunc(slices.Clone(holds), func(h Hold) bool { return !h.stops(req) })
	if len(now) == 0 {
		return nil
	}
	who := holders(now)
	v := Verdict{Guard: "holds", Kind: "holds", Outcome: Deny, Code: "held", Summary: holdSummary(who),
		Remedy:      "wait, or ask " + who[0] + " to end it; modectl holds lists them all; root may use --force",
		Overridable: req.UID == 0}
	for _, h := range now {
		v.Culprits = append(v.Culprits, Culprit{Kind: "hold", UID: h.UID, User: h.User, Client: h.Who, Detail: h.Why})
	}
	return []Verdict{v}
}

// holders names everybody once.
func holders(holds []Hold) []string {
	var names []string
	for _, h := range holds {
		names = appendNew(names, h.holder())
	}
	return names
}

func holdSummary(who []string) string {
	const most = 3
	switch more := len(who) - most; {
	case len(who) == 1:
		return who[0] + " holds the mode"
	case more > 0:
		return fmt.Sprintf("%s and %d more hold the mode", strings.Join(who[:most], ", "), more)
	}
	return strings.Join(who[:len(who)-1], ", ") + " and " + who[len(who)-1] + " hold the mode"
}
