package look

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/modectl/moded/pkg/facts"
)

// devices are the GPUs of sysfs, and of NVIDIA's driver where that has no DRM
// node. Nothing here wakes a device: sysfs keeps these values.
type devices struct {
	list []facts.GPU
	// node maps a device file to the index of its GPU.
	node map[string]int
}

// nvidia is the kernel module of NVIDIA's own driver.
const nvidia = "nvidia"

// pciAddress tells whether a name is an address, 0000:01:00.0.
func pciAddress(name string) bool {
	domain, rest, ok := strings.Cut(name, ":")
	return ok && len(domain) >= 4 && len(domain) <= 8 && len(rest) == 7 && rest[2] == ':' && rest[5] == '.' &&
		hex(domain) && hex(rest[:2]) && hex(rest[3:5]) && rest[6] >= '0' && rest[6] <= '7'
}

func hex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// numbered tells whether a name is one of the prefixes with a number behind it.
func numbered(name string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if n, ok := strings.CutPrefix(name, prefix); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return true
		}
	}
	return false
}

// drmNode tells whether a name is that of a DRM device file.
func drmNode(name string) bool { return numbered(name, "card", "renderD") }

// devices lists GPUs sorted by address.
func (m *Machine) devices() (*devices, error) {
	found := map[string]*facts.GPU{}
	if err := m.drm(found); err != nil {
		return nil, err
	}
	if err := m.nvidia(found); err != nil {
		return nil, err
	}
	d := &devices{node: map[string]int{}}
	for _, g := range found {
		slices.Sort(g.Nodes)
		d.list = append(d.list, *g)
	}
	slices.SortFunc(d.list, func(a, b facts.GPU) int { return strings.Compare(a.PCI, b.PCI) })
	for i, g := range d.list {
		for _, n := range g.Nodes {
			d.node[n] = i
		}
	}
	return d, nil
}

// drm reads /sys/class/drm: nodes, and connectors such as card0-HDMI-A-1.
func (m *Machine) drm(found map[string]*facts.GPU) error {
	names, err := m.list("sys/class/drm")
	if err != nil {
		return fmt.Errorf("cannot list GPUs: %w", err)
	}
	cards := map[string]*facts.GPU{}
	for _, name := range names {
		if !drmNode(name) {
			continue
		}
		link, err := linkAt(unix.AT_FDCWD, m.path("sys/class/drm", name), make([]byte, 4096))
		if err != nil {
			continue // unplugged this moment
		}
		dev := path.Dir(path.Dir(path.Join("/sys/class/drm", link)))
		g := m.gpu(found, dev)
		g.Nodes = append(g.Nodes, "/dev/dri/"+name)
		cards[name] = g
	}
	for _, name := range names {
		card, _, ok := strings.Cut(name, "-")
		if g := cards[card]; ok && g != nil && m.value("sys/class/drm", name, "status") == "connected" {
			g.Connected = true
		}
	}
	return nil
}

// gpu returns the GPU of a device's path in sysfs, which is made when new. A
// virtio GPU is a child of the device on the PCI bus.
func (m *Machine) gpu(found map[string]*facts.GPU, dev string) *facts.GPU {
	id, at := path.Base(dev), dev
	for p := dev; p != "/" && p != "."; p = path.Dir(p) {
		if pciAddress(path.Base(p)) {
			id, at = path.Base(p), p
			break
		}
	}
	if g, ok := found[id]; ok {
		return g
	}
	g := &facts.GPU{PCI: id, BusyPercent: -1}
	power := m.value(at, "power/runtime_status")
	g.Suspended = power == "suspended"
	if driver, err := linkAt(unix.AT_FDCWD, m.path(dev, "driver"), make([]byte, 4096)); err == nil {
		g.Driver = path.Base(driver)
	}
	if !g.Suspended && g.Driver == "amdgpu" {
		g.MemoryTotal, _ = strconv.ParseUint(m.value(at, "mem_info_vram_total"), 10, 64)
		g.MemoryUsed, _ = strconv.ParseUint(m.value(at, "mem_info_vram_used"), 10, 64)
	}
	if g.Driver == "amdgpu" && (power == "active" || power == "unsupported" || power == "") {
		g.Temperature = m.temperature(at)
	}
	found[id] = g
	return g
}

// temperature reads what the driver's sensor of the chip's edge says, in degrees;
// 0 when it says nothing. To read it would wake a device that sleeps. See the
// kernel's Documentation/gpu/amdgpu/thermal.rst.
func (m *Machine) temperature(dev string) int {
	sensors, _ := m.list(dev, "hwmon")
	for _, name := range sensors {
		milli, err := strconv.ParseInt(m.value(dev, "hwmon", name, "temp1_input"), 10, 32)
		if err == nil && milli > 0 && milli < 200_000 {
			return int((milli + 500) / 1000)
		}
	}
	return 0
}

// nvidia reads /proc/driver/nvidia/gpus/ADDRESS/information.
func (m *Machine) nvidia(found map[string]*facts.GPU) error {
	names, err := m.list("proc/driver/nvidia/gpus")
	if err != nil {
		return fmt.Errorf("cannot list NVIDIA's GPUs: %w", err)
	}
	for _, name := range names {
		if !pciAddress(name) {
			continue
		}
		g, ok := found[name]
		if !ok {
			g = &facts.GPU{PCI: name, BusyPercent: -1}
			g.Suspended = m.value("sys/bus/pci/devices", name, "power/runtime_status") == "suspended"
			found[name] = g
		}
		g.Driver = nvidia
		information, _ := m.read("proc/driver/nvidia/gpus", name, "information")
		for line := range strings.Lines(information) {
			key, value, _ := strings.Cut(line, ":")
			value = strings.TrimSpace(value)
			switch key {
			case "Model":
				g.Model = facts.Clean(value)
			case "GPU UUID":
				if !strings.Contains(value, "?") { // the driver has not asked the device yet
					g.UUID = facts.Clean(value)
				}
			case "Device Minor":
				if minor, err := strconv.ParseUint(value, 10, 16); err == nil {
					g.Nodes = append(g.Nodes, fmt.Sprintf("/dev/nvidia%d", minor))
				}
			}
		}
	}
	return nil
}

// deviceNode tells which GPU device file a descriptor is. A container may have
// the file elsewhere: there it must also be a character device, for anybody can
// make a plain file of that name.
func deviceNode(fds int, fd, target string) (string, bool) {
	i := strings.LastIndex(target, "/dev/")
	if i < 0 || strings.HasSuffix(target, " (deleted)") {
		return "", false
	}
	name := target[i:]
	dri, inDRI := strings.CutPrefix(name, "/dev/dri/")
	base := path.Base(name)
	switch {
	case inDRI && drmNode(dri):
	case name == "/dev/"+base && (numbered(base, "nvidia") || base == "nvidia-uvm" || base == "kfd"):
	default:
		return "", false
	}
	if i > 0 {
		var st unix.Stat_t
		if unix.Fstatat(fds, fd, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
			return "", false
		}
	}
	return name, true
}
