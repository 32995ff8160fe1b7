package main

import (
	"context"
	"os/user"
	"strconv"

	"github.com/modectl/moded/internal/ledger"
	"github.com/modectl/moded/internal/triggers"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// machine is everything that the daemon needs of the computer that it runs on,
// or of a simulated one. Which of the two it is matters to nothing else.
type machine struct {
	hands    actions.Hands
	eyes     guards.Eyes
	sessions fsm.Sessions
	host     fsm.Host
	stamps   ledger.Stamps
	notifier fsm.Notifier
	// starting tells whether the machine is coming up; up returns when it is
	// up, or has had long enough.
	starting func(ctx context.Context) bool
	up       func(ctx context.Context)
	// interactive lists the uids with a person at a session.
	interactive func(ctx context.Context) ([]uint32, error)
	// audioServers lists the uids for which an audio server runs.
	audioServers func(ctx context.Context) ([]uint32, error)
	// watched is what triggers look at, and listen has them told when to.
	watched triggers.Machine
	listen  func(ctx context.Context, tell func(triggers.News)) error
	// keep has PID 1 remember units that will be looked at again and again; nil
	// where looking costs nothing.
	keep func(ctx context.Context, units []string)
	// background begins what the machine itself needs, before anybody is told
	// that moded is up; it ends with ctx. done is told why it ended before.
	background func(ctx context.Context) (done <-chan error, err error)
	// observer is told of every change, nil when nobody wants to know.
	observer fsm.Observer
	// retire makes the machine a normal one while the daemon is down.
	retire func() error
}

// userName reads the account's name from the system's databases.
func userName(uid uint32) string {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return ""
	}
	return u.Username
}
