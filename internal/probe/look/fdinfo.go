package look

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// client is one DRM client's counters in /proc/PID/fdinfo/FD. See the kernel's
// Documentation/gpu/drm-usage-stats.rst.
type client struct {
	driver, pdev, id string
	// engines are time in ns by engine; capacity how many of it there are.
	engines  map[string]uint64
	capacity map[string]uint64
	// cycles and total are what xe counts instead of time.
	cycles, total map[string]uint64
}

// parseFdinfo reads the drm- lines of an fdinfo file; false when it has none.
func parseFdinfo(text string) (client, bool) {
	c := client{engines: map[string]uint64{}, capacity: map[string]uint64{}, cycles: map[string]uint64{}, total: map[string]uint64{}}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		name, ok := strings.CutPrefix(key, "drm-")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		number, _, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(number, 10, 64)
		switch {
		case name == "driver":
			c.driver = value
		case name == "pdev":
			c.pdev = value
		case name == "client-id":
			c.id = value
		case err != nil:
		case keep(c.capacity, name, "engine-capacity-", n):
		case keep(c.engines, name, "engine-", n):
		case keep(c.total, name, "total-cycles-", n):
		case keep(c.cycles, name, "cycles-", n):
		}
	}
	return c, c.id != ""
}

// maxEngines bounds what a file can make us carry; real devices have ten.
const maxEngines = 64

func keep(m map[string]uint64, name, prefix string, n uint64) bool {
	engine, ok := strings.CutPrefix(name, prefix)
	if ok && len(m) < maxEngines {
		m[engine] = n
	}
	return ok
}

// counts tells whether the driver counts at all. amdgpu leaves out engines that
// a client has never used.
func (c client) counts() bool {
	return len(c.engines) > 0 || len(c.cycles) > 0 || c.driver == "amdgpu"
}

// since returns each engine's use between two looks, as a fraction of it.
func (c client) since(was client, elapsed time.Duration) map[string]float64 {
	out := map[string]float64{}
	for engine, ns := range c.engines {
		// A client that first used the engine in between counts from zero.
		if before := was.engines[engine]; ns > before {
			out[engine] = float64(ns-before) / float64(elapsed) / float64(max(c.capacity[engine], 1))
		}
	}
	for engine, n := range c.cycles {
		before, total := was.cycles[engine], c.total[engine]-was.total[engine]
		if n > before && c.total[engine] > was.total[engine] {
			out[engine] = float64(n-before) / float64(total) / float64(max(c.capacity[engine], 1))
		}
	}
	return out
}

// seat is a client on a device, as one process has it.
type seat struct {
	device int
	pid    uint32
}

// sample is one look: each process's clients, by device and client id.
type sample map[seat]map[string]client

// usage is the difference of two samples.
type usage struct {
	device map[int]float64
	holder map[seat]float64
	// counted are devices whose driver counts.
	counted map[int]bool
}

// usage looks twice at the counters of all holders of DRM nodes.
func (m *Machine) usage(ctx context.Context, d *devices, procs []proc) (usage, error) {
	first, began := m.sample(ctx, d, procs), time.Now()
	if len(first) == 0 {
		return usage{}, ctx.Err()
	}
	select {
	case <-time.After(m.Gap):
	case <-ctx.Done():
		return usage{}, ctx.Err()
	}
	elapsed := time.Since(began)
	return compare(first, m.sample(ctx, d, procs), elapsed), ctx.Err()
}

func (m *Machine) sample(ctx context.Context, d *devices, procs []proc) sample {
	out := sample{}
	for _, p := range procs {
		for _, n := range p.nodes {
			i, ok := d.node[n.path]
			if !ok || d.list[i].Driver == nvidia || d.list[i].Suspended || ctx.Err() != nil {
				continue
			}
			text, err := readAt(unix.AT_FDCWD, filepath.Join(m.path("proc", fmt.Sprint(p.PID), "fdinfo"), n.fd))
			if err != nil {
				continue
			}
			if c, ok := parseFdinfo(text); ok {
				s := seat{i, p.PID}
				if out[s] == nil {
					out[s] = map[string]client{}
				}
				out[s][c.pdev+" "+c.id] = c
			}
		}
	}
	return out
}

// compare adds up what was used between two samples. A client that several
// processes share counts once for the device, and for each of them.
func compare(first, second sample, elapsed time.Duration) usage {
	u := usage{map[int]float64{}, map[seat]float64{}, map[int]bool{}}
	devices := map[int]map[string]float64{}
	type shared struct {
		device int
		id     string
	}
	seen := map[shared]bool{}
	for s, clients := range second {
		own := map[string]float64{}
		for id, c := range clients {
			u.counted[s.device] = u.counted[s.device] || c.counts()
			was, ok := first[s][id]
			if !ok {
				continue
			}
			for engine, share := range c.since(was, elapsed) {
				own[engine] += share
				if devices[s.device] == nil {
					devices[s.device] = map[string]float64{}
				}
				if !seen[shared{s.device, id}] {
					devices[s.device][engine] += share
				}
			}
			seen[shared{s.device, id}] = true
		}
		u.holder[s] = busiest(own)
	}
	for i, engines := range devices {
		u.device[i] = busiest(engines)
	}
	return u
}

func busiest(engines map[string]float64) float64 {
	top := 0.0
	for _, share := range engines {
		top = max(top, share)
	}
	return min(top, 1)
}

// fill enters the use of devices whose driver counts, and says of the others
// that it does not.
func (u usage) fill(d *devices, err error) {
	for i := range d.list {
		g := &d.list[i]
		switch {
		case g.Driver == nvidia || g.Suspended:
		case err != nil:
			g.Unmeasured = "the use could not be measured: " + err.Error()
		case len(g.Holders) == 0:
			g.BusyPercent = 0
		case !u.counted[i]:
			g.Unmeasured, g.Forever = "the driver "+g.Driver+" keeps no count of its use", true
		default:
			g.BusyPercent = percent(u.device[i])
			for j := range g.Holders {
				h := &g.Holders[j]
				if share, ok := u.holder[seat{i, h.PID}]; ok {
					h.BusyPercent = percent(share)
				}
			}
		}
	}
}

func percent(share float64) int { return int(share*100 + 0.5) }
