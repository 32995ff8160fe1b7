package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/modectl/moded/internal/workload/loopback"
	"github.com/modectl/moded/pkg/facts"
)

// maxWeb is how many web interfaces are asked.
const maxWeb = 16

// netTables is where the kernel shows this network's sockets: /proc/net is a
// link to it, which is not there under ProcSubset=pid.
const netTables = "/proc/self/net"

// Web asks REAPER's web interfaces side by side what is played or recorded, and
// the kernel who it was that answered.
func Web(ctx context.Context, urls []string) facts.Web { return webAt(ctx, netTables, urls) }

func webAt(ctx context.Context, tables string, urls []string) facts.Web {
	out := facts.Web{Part: facts.Part{At: time.Now()}, List: make([]facts.DAW, len(urls))}
	var asked sync.WaitGroup
	for i, raw := range urls {
		out.List[i] = facts.DAW{Part: facts.Part{At: time.Now()}, URL: raw}
		if i >= maxWeb {
			out.List[i].Unknown = fmt.Sprintf("more than %d web interfaces are not asked", maxWeb)
			continue
		}
		d := &out.List[i]
		beside(&asked, func() { d.Unknown = why(askREAPER(ctx, tables, d)) }, func(why string) { d.Unknown = why })
	}
	asked.Wait()
	return out
}

// askREAPER fills in d. Who listens is looked up before and after: somebody
// else could have taken the port between the two.
func askREAPER(ctx context.Context, tables string, d *facts.DAW) error {
	u, err := target(d.URL)
	if err != nil {
		return err
	}
	addr, uid, err := listens(tables, u)
	if err != nil {
		return err
	}
	u.Host = addr.String() // this address and not the other one of localhost
	p, err := read(ctx, u.JoinPath("_", commands), maxProject, readProject)
	if status := errStatus(0); errors.As(err, &status) {
		return fmt.Errorf("%w: %w", errNotREAPER, status)
	} else if err != nil {
		return err
	}
	if again, err := owner(tables, addr); err != nil || again != uid {
		return errors.New("somebody else began to listen there while it was asked")
	}
	d.UID, d.User = uid, userName(uid)
	d.State, d.Armed = p.state, p.armed
	return nil
}

// listens finds the address of u at which somebody listens, and who.
func listens(tables string, u *url.URL) (addr netip.AddrPort, uid uint32, err error) {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	for _, host := range loopback.Addresses(u.Hostname()) {
		if addr, err = netip.ParseAddrPort(net.JoinHostPort(host, port)); err != nil {
			return addr, 0, errors.New("cannot read the URL")
		}
		if uid, err = owner(tables, addr); err == nil {
			return addr, uid, nil
		}
	}
	return addr, 0, err
}

// userName is who has that uid in /etc/passwd, or empty.
func userName(uid uint32) string {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return ""
	}
	return facts.Clean(u.Username)
}
