package doctor

import (
	"path"
	"slices"
	"strings"
)

// checkGPUs compares the cards that are there with drivers and names.
func (h *host) checkGPUs() {
	cards := h.cards()
	if h.Daemon == nil || h.Daemon.Resources == nil {
		if len(h.Config.GPUs) > 0 {
			h.tell(unknown("whether %s are there is not known without moded", strings.Join(h.Config.GPUs, ", ")))
		}
		h.fineIf("%d on PCI", cards)
		return
	}
	var have []string
	for _, g := range h.Daemon.Resources.GPUs {
		have = append(have, g.GPU)
	}
	if why := h.unseen("gpus"); why != "" && len(have) == 0 {
		h.tell(unknown("which are there is not known: %s", why))
		return
	}
	for _, name := range h.Config.GPUs {
		if !slices.Contains(have, name) {
			h.wrong(Failure, name+" is named in the configuration, and no GPU here is it",
				"modes that move it are refused", "nvidia-smi -L; modectl status --resources; then mend [gpus."+name+"] in /etc/moded/moded.toml")
		}
	}
	if cards == 0 && len(have) == 0 {
		h.tell(note("there is none"))
		return
	}
	h.fineIf("%d there: %s", len(have), strings.Join(have, ", "))
}

// unseen says why moded could not see a part of the machine; it is empty when it
// could. What is not in such a part may be there all the same.
func (h *host) unseen(part string) string {
	for _, p := range h.Daemon.Resources.Parts {
		if p.Part == part {
			return p.Unknown
		}
	}
	return ""
}

const (
	nvidia       = "0x10de"
	displayClass = "0x03"
)

// cards counts the GPUs on PCI, and tells of NVIDIA's without their driver.
func (h *host) cards() int {
	n := 0
	for _, file := range h.glob("sys/bus/pci/devices/*/class") {
		class, err := h.get(file)
		if err != nil || !strings.HasPrefix(class, displayClass) {
			continue
		}
		n++
		dir := path.Dir(file)
		vendor, _ := h.get(dir + "/vendor")
		address := path.Base(dir)
		switch {
		case vendor != nvidia:
		case h.exists("sys/bus/pci/drivers/nvidia/" + address), h.exists("sys/bus/pci/drivers/vfio-pci/" + address):
		case h.exists("sys/bus/pci/drivers/nouveau/" + address):
			h.wrong(Warning, address+" runs with nouveau", "CUDA and vLLM need NVIDIA's driver", h.mend("apt install nvidia-driver, and boot anew", nixNVIDIA))
		default:
			h.wrong(Failure, address+" is NVIDIA's, and has no driver", "nobody can compute on it, nor say who holds it", h.mend("apt install nvidia-driver, and boot anew", nixNVIDIA))
		}
	}
	return n
}

// checkEyes passes on what moded cannot see.
func (h *host) checkEyes() {
	if h.Daemon == nil || h.Daemon.Resources == nil {
		h.tell(unknown("what moded sees is not known without it"))
		return
	}
	for _, line := range h.Daemon.Resources.Unknown {
		h.wrong(Warning, "moded cannot see "+line, "guards that need it deny, unless they say on-unknown = \"warn\"",
			"journalctl -b -u moded-probe.service -u moded-workload.service")
	}
	h.fineIf("moded sees all that it looks for")
}

// checkPressure looks for what some kernels are built with and have switched off.
func (h *host) checkPressure() {
	if !h.exists("sys/fs/cgroup/cgroup.controllers") {
		h.wrong(Failure, "control groups are not those of version 2", "slices cannot be weighed, and who holds a GPU cannot be told by unit",
			"boot with systemd.unified_cgroup_hierarchy=1")
	}
	if !h.exists("proc/pressure/memory") {
		h.tell(Finding{Level: Warning, Summary: "the kernel tells no pressure (PSI)",
			Why:    "the trigger memory-pressure and guards with a limit on pressure know nothing",
			Remedy: h.bootWithPSI(), At: Boot})
	}
	h.fineIf("it tells pressure, and has control groups of version 2")
}

func (h *host) bootWithPSI() string {
	if h.onNixOS() {
		return h.mend("", nixPSI) + ", and boot anew"
	}
	return "add psi=1 to GRUB_CMDLINE_LINUX in /etc/default/grub, then " + h.asRoot("update-grub && reboot")
}
