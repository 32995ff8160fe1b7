package serve

import (
	"context"
	"io"
	"net/netip"

	"github.com/modectl/moded/pkg/facts"
)

// ReadMetrics, ReadPaused and ReadProject are the parsers, for their fuzzers.
func ReadMetrics(r io.Reader) (running, waiting int, tokens *float64, err error) {
	c, err := readMetrics(r)
	return c.running, c.waiting, c.tokens, err
}

func ReadPaused(r io.Reader) (bool, error) { return readPaused(r) }

func ReadProject(r io.Reader) (state string, armed int, err error) {
	p, err := readProject(r)
	return p.state, p.armed, err
}

// Takes is who would get a connection to addr by the lines of a table.
func Takes(r io.Reader, addr netip.AddrPort) (uint32, error) {
	all, err := readListeners(r)
	if err != nil {
		return 0, err
	}
	return takes(all, addr)
}

// WebAt is Web with the kernel's tables in a directory.
func WebAt(ctx context.Context, tables string, urls []string) facts.Web {
	return webAt(ctx, tables, urls)
}
