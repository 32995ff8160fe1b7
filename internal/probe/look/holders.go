package look

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/pkg/facts"
)

// gpus fills in who holds the devices, and how busy they are.
func (m *Machine) gpus(ctx context.Context, budget time.Duration, q probe.Question, out *facts.GPUs, d *devices, procs []proc) {
	out.List = d.list
	procs = slices.DeleteFunc(slices.Clone(procs), m.nobody)
	if n := closed(procs); n > 0 {
		out.Unknown = fmt.Sprintf("the descriptors of %d processes cannot be read", n)
	}
	for _, p := range procs {
		if !d.hold(p) && out.Unknown == "" {
			out.Unknown = fmt.Sprintf("%s (%d) holds a device that is not listed", p.Comm, p.PID)
		}
	}
	m.measure(ctx, budget, q, out, d, procs)
	for i := range out.List {
		g := &out.List[i]
		g.Holders = room(&out.Part, g.Holders, "processes that hold "+g.PCI)
	}
}

// measure looks at the use of the devices and asks NVIDIA's library, side by
// side and each only where it is asked for: the library alone knows who computes.
func (m *Machine) measure(ctx context.Context, budget time.Duration, q probe.Question, out *facts.GPUs, d *devices, procs []proc) {
	var use usage
	var report Report
	var uerr, nerr error
	var wg sync.WaitGroup
	pci, awake := d.awake()
	if q.Usage {
		wg.Go(func() {
			use, uerr = within(ctx, budget+m.Gap, func(ctx context.Context) (usage, error) { return m.usage(ctx, d, procs) })
		})
	}
	if q.NVML && awake {
		wg.Go(func() { report, nerr = m.nvml(ctx, q.Window, pci) })
	}
	wg.Wait()
	if q.Usage {
		use.fill(d, uerr)
	}
	if q.NVML && awake {
		report.merge(out, m.describe(out), nerr)
	}
	for i := range out.List {
		if g := &out.List[i]; q.Usage && g.Driver == nvidia && g.BusyPercent < 0 && g.Unmeasured == "" && !g.Suspended {
			g.Unmeasured = "NVML was not asked"
		}
	}
}

// nobodies are system services that hold devices on behalf of others, or to
// keep them awake: logind and seatd for compositors, NVIDIA's daemons for
// nobody in particular.
var nobodies = []string{"systemd-logind.service", "seatd.service", "nvidia-persistenced.service", "nvidia-powerd.service"}

// nobody tells whether a process's descriptors do not make it a holder: PID 1,
// which keeps logind's; those services; and the probe itself. Only what the
// system's manager runs can be one, whatever a process calls itself.
func (m *Machine) nobody(p proc) bool {
	if p.PID == 1 || slices.Contains(nobodies, p.Unit) {
		return true
	}
	if p.UID < 1000 && p.Exe == "nvidia-persistenced" {
		return true
	}
	self, err := os.Readlink(m.path("proc/self/exe"))
	return err == nil && self == p.exe && p.UID == uint32(os.Geteuid())
}

func closed(procs []proc) int {
	n := 0
	for _, p := range procs {
		if p.closed {
			n++
		}
	}
	return n
}

// hold enters a process as a holder of each device that it has a node of; false
// when one of its nodes belongs to no device.
func (d *devices) hold(p proc) bool {
	var drm, cuda = map[int]bool{}, map[int]bool{}
	var uvm, kfd bool
	all := true
	for _, n := range p.nodes {
		i, known := d.node[n.path]
		switch {
		case n.path == "/dev/nvidia-uvm":
			uvm = true
		case n.path == "/dev/kfd":
			kfd = true
		case !known:
			all = false
		case strings.HasPrefix(n.path, "/dev/dri/"):
			drm[i] = true
		default:
			cuda[i] = true
		}
	}
	for i := range d.list {
		g := &d.list[i]
		h := p.holder()
		h.Compute = cuda[i] && uvm || kfd && g.Driver == "amdgpu" && (drm[i] || len(drm) == 0)
		h.Graphics = drm[i] || cuda[i] && !uvm
		if h.Compute && kfd {
			h.Graphics = false // ROCm opens render nodes too
		}
		if h.Compute || h.Graphics {
			g.Holders = append(g.Holders, h)
		}
	}
	return all
}

// holder is a process as a holder of a device that it does nothing with yet.
func (p proc) holder() facts.Holder {
	return facts.Holder{
		PID: p.PID, Comm: p.Comm, UID: p.UID, User: p.User,
		Unit: p.Unit, UserUnit: p.UserUnit, Session: p.Session, Pod: p.pod, BusyPercent: -1,
	}
}

// awake lists NVIDIA's devices that are not suspended, and whether NVML is worth
// asking: not when all of them sleep. With none in sight it is asked of all.
func (d *devices) awake() (pci []string, ask bool) {
	ask = true
	for _, g := range d.list {
		if g.Driver != nvidia {
			continue
		}
		if ask = false; !g.Suspended {
			pci = append(pci, g.PCI)
		}
	}
	return pci, ask || len(pci) > 0
}

// describe returns a function that tells who a pid is that no descriptor gave
// away: NVML may know processes of which the walk saw nothing.
func (m *Machine) describe(out *facts.GPUs) func(pid uint32) (facts.Holder, bool) {
	return func(pid uint32) (facts.Holder, bool) {
		for _, g := range out.List {
			for _, h := range g.Holders {
				if h.PID == pid {
					h.Compute, h.Graphics, h.BusyPercent = false, false, -1
					return h, true
				}
			}
		}
		p, ok := m.single(pid)
		if !ok {
			// It holds memory of the device all the same: of a process that has
			// just ended, or that lives out of our sight.
			return facts.Holder{PID: pid, Comm: "unknown process", BusyPercent: -1}, true
		}
		if m.nobody(p) {
			return facts.Holder{}, false
		}
		return p.holder(), true
	}
}
