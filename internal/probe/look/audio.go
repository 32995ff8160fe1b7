package look

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

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

// audioServers lists users' audio servers, one of each kind for each user.
func (m *Machine) audioServers(procs []proc) []facts.AudioServer {
	var out []facts.AudioServer
	for _, p := range procs {
		server := audioServer(p.Process)
		if server == "" || slices.ContainsFunc(out, func(s facts.AudioServer) bool { return s.UID == p.UID && s.Server == server }) {
			continue
		}
		s := facts.AudioServer{UID: p.UID, User: p.User, Server: server, PID: p.PID}
		if server == "jackd" {
			var err error
			if s.Clients, err = m.jackClients(p.UID); err != nil {
				s.Unknown = err.Error()
			}
		}
		out = append(out, s)
	}
	return out
}

// maxJackClients bounds what one user can make us carry.
const maxJackClients = 64

// jackClients lists the clients of a user's JACK server. libjack keeps one
// semaphore for each in /dev/shm, jack_sem.UID_SERVER_CLIENT, the server's own
// "system" and "freewheel" among them. A file counts only when it is the user's.
func (m *Machine) jackClients(uid uint32) ([]string, error) {
	entries, err := os.ReadDir(m.path("dev/shm"))
	if err != nil {
		return nil, fmt.Errorf("cannot list the clients of JACK: %w", err)
	}
	var out []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), fmt.Sprintf("jack_sem.%d_", uid))
		if !ok || len(out) == maxJackClients {
			continue
		}
		_, client, _ := strings.Cut(rest, "_")
		info, err := e.Info()
		if err != nil || client == "" || client == "system" || client == "freewheel" {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != uid && st.Uid != 0 {
			continue
		}
		out = append(out, facts.Clean(client))
	}
	return out, nil
}
