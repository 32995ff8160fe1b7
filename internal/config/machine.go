package config

import (
	"slices"
	"strings"
	"time"
)

// Defaults of what the machine's tables leave out.
const (
	gpuRelease  = 30 * time.Second
	vllmDrain   = 2 * time.Minute
	vllmReady   = 20 * time.Minute
	k3sDrain    = 5 * time.Minute
	k3sStart    = 3 * time.Minute
	autoPrimary = "primary"
	autoOthers  = "others"
)

// machine reads what the machine has, before any mode.
func (c *compiler) machine() {
	c.gpus()
	gui := c.root.sub("gui")
	c.guiUnits(gui)
	gui.done()
	vllm := c.root.sub("vllm")
	for _, name := range vllm.names {
		c.vllm(vllm, name)
	}
	if c.root.get("k3s") != nil {
		c.k3s(c.root.sub("k3s"))
	}
	c.root.key("k3s")
}

func (c *compiler) gpus() {
	n := c.root.key("gpus")
	if n == nil {
		return
	}
	if n.shape == aText && n.text == "auto" {
		c.cfg.AutoGPUs = true
		for _, name := range []string{autoOthers, autoPrimary} {
			c.cfg.GPUs = append(c.cfg.GPUs, GPU{Name: name, ReleaseTimeout: gpuRelease})
		}
		return
	}
	if n.shape != aTable {
		c.probs.addf(n.at, "gpus must be \"auto\", or one table [gpus.NAME] for each card")
		return
	}
	t := c.root.sub("gpus")
	seen := map[string]string{}
	for _, name := range t.names {
		c.legalName("GPU", name, t.get(name))
		c.gpu(t.sub(name), name, seen)
	}
	slices.SortFunc(c.cfg.GPUs, func(a, b GPU) int { return strings.Compare(a.Name, b.Name) })
}

func (c *compiler) gpu(t *table, name string, seen map[string]string) {
	g := GPU{Name: name}
	g.PCI = strings.ToLower(t.str("pci", ""))
	g.UUID = t.str("uuid", "")
	g.ReleaseTimeout = t.duration("release-timeout", gpuRelease)
	t.done()
	if g.PCI == "" && g.UUID == "" {
		c.probs.addf(t.named(), "GPU %s has no address: give pci = \"0000:01:00.0\" or uuid = \"GPU-…\"", name)
	}
	if g.PCI != "" && !pciRE().MatchString(g.PCI) {
		c.probs.addf(t.get("pci").at, "%q is not a PCI address such as \"0000:01:00.0\" (see lspci -D)", g.PCI)
	}
	if g.UUID != "" && !uuidRE().MatchString(g.UUID) {
		c.probs.addf(t.get("uuid").at, "%q is not a GPU's UUID such as \"GPU-8932f937-d72c-4106-c12f-20bd9faed9f6\" (see nvidia-smi -L)", g.UUID)
	}
	for _, id := range []string{g.PCI, g.UUID} {
		if other, dup := seen[id]; dup && id != "" {
			c.probs.addf(t.named(), "GPUs %s and %s are the same card %s", other, name, id)
		}
		seen[id] = name
	}
	c.cfg.GPUs = append(c.cfg.GPUs, g)
}

func (c *compiler) guiUnits(t *table) {
	units, nodes := t.strs("units")
	for i, unit := range units {
		c.unitName(unit, nodes[i], "gui", unitTypes...)
	}
	if t.get("units") == nil {
		units = []string{"display-manager.service", "graphical.target"}
		for _, unit := range units {
			c.owners.claim(unit, "gui", t.at)
		}
	}
	c.cfg.GUIUnits = units
}

func (c *compiler) vllm(all *table, name string) {
	t := all.sub(name)
	c.legalName("vLLM server", name, t.node)
	v := VLLM{
		Name: name, Unit: t.str("unit", ""), URL: t.str("url", ""), Model: t.str("model", ""),
		DrainTimeout: t.duration("drain-timeout", vllmDrain),
		ReadyTimeout: t.duration("ready-timeout", vllmReady),
	}
	v.TensorParallel = tensorParallel(t)
	t.done()
	if t.get("unit") == nil {
		c.probs.addf(t.named(), "%s has no unit: give unit = \"vllm.service\"", t.path)
	} else {
		c.unitName(v.Unit, t.get("unit"), "vllm", "service")
		if i := slices.IndexFunc(c.cfg.VLLM, func(o VLLM) bool { return o.Unit == v.Unit }); i >= 0 {
			c.probs.addf(t.get("unit").at, "vLLM servers %s and %s are the same unit %s", c.cfg.VLLM[i].Name, name, v.Unit)
		}
	}
	if n := t.get("url"); n == nil {
		c.probs.addf(t.named(), "%s has no url: give url = \"http://127.0.0.1:8000\"", t.path)
	} else if why := urlProblem(v.URL); why != "" {
		c.probs.addf(n.at, "%s: %s", t.pathOf("url"), why)
	}
	c.cfg.VLLM = append(c.cfg.VLLM, v)
}

// tensorParallel returns the number of ranks, 0 for one a GPU.
func tensorParallel(t *table) int {
	n := t.get("tensor-parallel")
	if n == nil || n.shape == aText {
		t.oneOf("tensor-parallel", "gpus", "gpus")
		return 0
	}
	if ranks := t.numberIn("tensor-parallel", 1, 64); ranks != nil {
		return int(*ranks)
	}
	return 0
}

// general reads the keys at the top.
func (c *compiler) general() {
	c.cfg.Restore = c.root.boolean("restore", false)
	c.cfg.Drift = Drift(c.root.oneOf("drift", string(ReportDrift), string(ReportDrift), string(CorrectDrift)))
	idle := c.root.sub("idle")
	c.cfg.Idle.After = idle.duration("after", 0)
	c.cfg.Idle.Sessions = idle.oneOf("sessions", "none", "none", "locked", "any")
	idle.done()
	if n := idle.get("after"); c.cfg.Idle.After > 0 && c.cfg.Idle.After < time.Minute {
		c.probs.addf(n.at, "idle.after is %s: give at least one minute, or \"\" to turn idleness off", n.text)
	}
}
