package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/pkg/facts"
)

// audioServer tells which audio server a process is, or "". pipewire-pulse is
// the same program as pipewire and no server of its own here: what it plays goes
// through pipewire.
func audioServer(p facts.Process) string {
	switch {
	case strings.HasPrefix(p.Comm, "pipewire-"):
		return ""
	case p.Comm == "pipewire", p.Exe == "pipewire":
		return "pipewire"
	case p.Named("jackd"), p.Named("jackdbus"):
		return "jackd"
	}
	return ""
}

// maxServers bounds how many audio servers are listed.
const maxServers = 256

// audioServers lists users' audio servers, one of each kind for each user.
func (m *Machine) audioServers(ctx context.Context, procs []proc) ([]facts.AudioServer, error) {
	var out []facts.AudioServer
	for _, p := range procs {
		server := audioServer(p.Process)
		if server == "" || slices.ContainsFunc(out, func(s facts.AudioServer) bool { return s.UID == p.UID && s.Server == server }) {
			continue
		}
		if len(out) == maxServers || ctx.Err() != nil {
			return out, cmp.Or(ctx.Err(), fmt.Errorf("more than %d audio servers run", maxServers))
		}
		s := facts.AudioServer{UID: p.UID, User: p.User, Server: server, PID: p.PID}
		if server == "jackd" {
			var err error
			// jackdbus may be there and have no server under way.
			if s.Clients, err = m.jackClients(ctx, p.UID, !p.Named("jackdbus")); err != nil {
				s.Unknown = err.Error()
			}
		}
		out = append(out, s)
	}
	return out, ctx.Err()
}

// maxJackClients bounds what one user can make us carry.
const maxJackClients = 64

// jackClients lists the clients of a user's JACK server. libjack keeps one
// semaphore for each in /dev/shm, jack_sem.UID_SERVER_CLIENT, the server's own
// "system" and "freewheel" among them; without the uid where the server is for
// all users (JACK_PROMISCUOUS_SERVER). A file counts only when it is the user's.
// A server that must be up and does not show itself shows no client either:
// JACK1 keeps other files.
func (m *Machine) jackClients(ctx context.Context, uid uint32, up bool) ([]string, error) {
	dir, err := directory(unix.AT_FDCWD, m.path("dev/shm"))
	if err != nil {
		return nil, fmt.Errorf("cannot list the clients of JACK: %w", err)
	}
	defer unix.Close(dir)
	var out []string
	seen := false
	err = names(dir, make([]byte, 32<<10), func(name []byte) bool {
		file := string(name[:len(name)-1])
		client, ok := jackClient(file, uid)
		var st unix.Stat_t
		if ok && unix.Fstatat(dir, file, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && (st.Uid == uid || st.Uid == 0) {
			seen = true
			if client != "system" && client != "freewheel" {
				out = append(out, facts.Clean(client))
			}
		}
		return len(out) < maxJackClients && ctx.Err() == nil
	})
	slices.Sort(out)
	switch {
	case err != nil || ctx.Err() != nil:
		return out, fmt.Errorf("cannot list the clients of JACK: %w", cmp.Or(err, ctx.Err()))
	case up && !seen:
		return nil, errors.New("cannot list the clients of JACK: it shows none in /dev/shm, and not even itself")
	}
	return out, nil
}

// jackClient is whose semaphore a file in /dev/shm is; false when it is none, or
// one of another user's server.
func jackClient(file string, uid uint32) (client string, ok bool) {
	rest, ok := strings.CutPrefix(file, "jack_sem.")
	if whose, after, cut := strings.Cut(rest, "_"); cut && whose != "" && strings.Trim(whose, "0123456789") == "" {
		ok, rest = ok && whose == strconv.FormatUint(uint64(uid), 10), after
	}
	_, client, _ = strings.Cut(rest, "_")
	return client, ok && client != ""
}
