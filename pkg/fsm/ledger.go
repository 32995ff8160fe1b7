package fsm

import (
	"context"
	"time"
)

// Ledger keeps the one document that survives the process: where the machine
// is, and the plan that is open. Save replaces it atomically and returns only
// when it is on disk; after a failed Save the ledger refuses all further ones.
type Ledger interface {
	// Load returns the document, and false when there is none or it belongs to
	// another boot. Damage is reported as an error once: the file has then
	// been set aside.
	Load() (Document, bool, error)
	Save(ctx context.Context, d Document) error
}

// Document is the ledger's content.
type Document struct {
	// Mode is the settled mode.
	Mode string `json:"mode"`
	// Open is the plan under way, self-contained, or nil.
	Open *OpenPlan `json:"open,omitempty"`
	// SafeMode is set after three crashes in the same step.
	SafeMode bool `json:"safe-mode,omitempty"`
}

// OpenPlan is a plan that was begun and has not ended.
type OpenPlan struct {
	Transition Transition `json:"transition"`
	Through    bool       `json:"through"`
	Ends       []Session  `json:"ends,omitempty"`
	NoReturn   int        `json:"no-return"`
	// Forward is true for boot→M, which is never undone.
	Forward bool `json:"forward,omitempty"`
	// Reason is why it is being undone; empty on the way forward.
	Undoing string `json:"undoing,omitempty"`
	// UnconfirmedUntil is the CLOCK_BOOTTIME at which an unconfirmed
	// transition is undone; 0 when no confirmation is asked for.
	UnconfirmedUntil time.Duration `json:"unconfirmed-until,omitempty"`
	// Settled is true when every step is done and verified and only the
	// confirmation is missing.
	Settled bool `json:"settled,omitempty"`
	// Crashes counts starts of the daemon that found this plan with the same
	// step under way; CrashStep names that step.
	Crashes   int    `json:"crashes,omitempty"`
	CrashStep string `json:"crash-step,omitempty"`
	// StuckAt says why the undo could not go on; empty when it is not stuck.
	StuckAt string `json:"stuck,omitempty"`
}
