package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// retake is how long a logind that gives no lock is left alone.
const retake = time.Second

// Sleepless is logind's block inhibitor of moded: while it is held, nobody shuts
// the machine down or sends it to sleep by accident. Who insists still may:
// systemctl poweroff --check-inhibitors=no. The lock is a weak one: since systemd
// 257 a strong one has polkit ask even root for a password, or refuse without a
// terminal.
//
// It is a courtesy: Hold does not wait, and where logind or polkit gives no lock
// there is none. A logind that was started anew is asked again: Sleepless is a
// signal handler of a connection that listens for its owner (SessionNews.Listen).
// The lock ends with Release, with Run, and with the process. Use NewSleepless.
type Sleepless struct {
	address string
	log     func(event string, err error)
	changed chan struct{}
	anew    chan struct{}

	mu  sync.Mutex
	why string // empty: not wanted

	// lock and denied, that one was asked for in vain, are Run's own.
	lock   *os.File
	denied bool
}

var _ dbus.SignalHandler = (*Sleepless)(nil)

// NewSleepless returns a lock of the logind at the bus of that address. log is
// told what did not work.
func NewSleepless(address string, log func(event string, err error)) *Sleepless {
	return &Sleepless{address: address, log: log, changed: make(chan struct{}, 1), anew: make(chan struct{}, 1)}
}

// DeliverSignal implements dbus.SignalHandler.
func (s *Sleepless) DeliverSignal(_, _ string, signal *dbus.Signal) {
	if isNewOwner(signal) {
		poke(s.anew)
	}
}

// poke leaves word for Run, which will see the newest.
func poke(word chan<- struct{}) {
	select {
	case word <- struct{}{}:
	default:
	}
}

// Hold asks for the lock, or gives a held one another reason.
func (s *Sleepless) Hold(why string) { s.want(why) }

// Release lets go of the lock.
func (s *Sleepless) Release() { s.want("") }

func (s *Sleepless) want(why string) {
	s.mu.Lock()
	same := s.why == why
	s.why = why
	s.mu.Unlock()
	if !same {
		poke(s.changed)
	}
}

func (s *Sleepless) wanted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// Run takes and lets go until ctx ends.
func (s *Sleepless) Run(ctx context.Context) {
	defer s.letGo()
	for {
		var again <-chan time.Time
		if s.lock == nil && s.wanted() != "" {
			again = time.After(retake)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-again:
		case <-s.anew:
		}
		s.settle(ctx)
	}
}

// isNewOwner tells whether a logind has begun. Only the bus can know.
func isNewOwner(signal *dbus.Signal) bool {
	var name, before, after string
	return signal.Sender == busIface && signal.Name == busIface+"."+ownerChanged &&
		dbus.Store(signal.Body, &name, &before, &after) == nil && name == loginName && after != ""
}

// settle brings the lock to what is wanted. A new one is there before the old
// one goes.
func (s *Sleepless) settle(ctx context.Context) {
	why := s.wanted()
	if why == "" {
		s.letGo()
		s.denied = false
		return
	}
	lock, err := s.take(ctx, why)
	if err != nil {
		if s.lock == nil && !s.denied {
			s.log("no lock against shutdown and sleep", err)
		}
		s.denied = true
		return
	}
	s.letGo()
	s.lock, s.denied = lock, false
}

func (s *Sleepless) letGo() {
	if s.lock != nil {
		_ = s.lock.Close() // logind sees it end either way
		s.lock = nil
	}
}

// take asks on a connection of its own: the daemon's take no file descriptors.
func (s *Sleepless) take(ctx context.Context, why string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	conn, err := dbus.Dial(s.address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot reach the bus: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		return nil, fmt.Errorf("cannot log in to the bus: %w", err)
	}
	if err := conn.Hello(); err != nil {
		return nil, fmt.Errorf("cannot greet the bus: %w", err)
	}
	inhibit := func(mode string) (fd dbus.UnixFD, err error) {
		err = conn.Object(loginName, loginPath).CallWithContext(ctx, loginIface+".Inhibit", dbus.FlagNoAutoStart,
			"shutdown:sleep", "moded", why, mode).Store(&fd)
		return fd, err
	}
	fd, err := inhibit("block-weak")
	if bad := (dbus.Error{}); errors.As(err, &bad) && bad.Name == "org.freedesktop.DBus.Error.InvalidArgs" {
		fd, err = inhibit("block") // before systemd 257 that is the weak one
	}
	if err != nil {
		return nil, fmt.Errorf("cannot take a lock from logind: %w", err)
	}
	syscall.CloseOnExec(int(fd))
	return os.NewFile(uintptr(fd), "inhibitor"), nil
}
