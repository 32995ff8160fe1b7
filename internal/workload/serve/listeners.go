package serve

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// stateListen is TCP_LISTEN in the column st of /proc/net/tcp.
const stateListen = "0A"

// overflow is what the kernel prints for users that this process' user
// namespace does not know.
const overflow = 65534

// listener is a listening TCP socket.
type listener struct {
	addr netip.AddrPort
	uid  uint32
}

// owner tells whose socket takes connections to addr, by the tables tcp and
// tcp6 below dir, /proc/self/net but in tests.
func owner(dir string, addr netip.AddrPort) (uint32, error) {
	var all []listener
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(dir, table))
		if errors.Is(err, os.ErrNotExist) && table == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return 0, fmt.Errorf("cannot see who listens there: %w", err)
		}
		some, err := readListeners(f)
		_ = f.Close() // was only read
		if err != nil {
			return 0, fmt.Errorf("cannot see who listens there: %w", err)
		}
		all = append(all, some...)
	}
	return takes(all, addr)
}

// takes finds the owner as the kernel finds the socket: one bound to the very
// address before one bound to any, IPv4 before IPv6. Several users at the same
// rank cannot be told apart.
func takes(all []listener, addr netip.AddrPort) (uint32, error) {
	mapped := netip.AddrFrom16(addr.Addr().As16())
	for _, bound := range []netip.Addr{addr.Addr(), mapped, netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if bound.Is4() && addr.Addr().Is6() {
			continue
		}
		var uids []uint32
		for _, l := range all {
			if l.addr == netip.AddrPortFrom(bound, addr.Port()) && !slices.Contains(uids, l.uid) {
				uids = append(uids, l.uid)
			}
		}
		switch {
		case len(uids) > 1:
			return 0, errors.New("several users listen there")
		case len(uids) == 1 && uids[0] == overflow:
			return 0, errors.New("cannot see who listens there: the kernel hides the user")
		case len(uids) == 1:
			return uids[0], nil
		}
	}
	return 0, errors.New("nobody listens there")
}

// readListeners reads the listening sockets of /proc/net/tcp or tcp6.
func readListeners(r io.Reader) ([]listener, error) {
	var out []listener
	lines := bufio.NewScanner(r)
	for first := true; lines.Scan(); first = false {
		fields := strings.Fields(lines.Text())
		if first || len(fields) > 3 && fields[3] != stateListen {
			continue // the head, or a connection
		}
		l, err := readListener(fields)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, lines.Err()
}

// readListener reads one line: sl, local_address, rem_address, st,
// tx_queue:rx_queue, tr:tm->when, retrnsmt, uid, …
func readListener(fields []string) (l listener, err error) {
	errLine := errors.New("a line of the kernel's table cannot be read")
	if len(fields) < 8 {
		return l, errLine
	}
	host, port, _ := strings.Cut(fields[1], ":")
	n, err := strconv.ParseUint(port, 16, 16)
	uid, err2 := strconv.ParseUint(fields[7], 10, 32)
	addr, ok := readAddress(host)
	if err != nil || err2 != nil || !ok {
		return l, errLine
	}
	return listener{netip.AddrPortFrom(addr, uint16(n)), uint32(uid)}, nil
}

// readAddress reads the kernel's hexadecimal: words of four bytes, each in the
// machine's order.
func readAddress(text string) (netip.Addr, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return netip.Addr{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	return netip.AddrFromSlice(raw)
}
