package doctor

import (
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxConfig bounds what is read of a kernel's configuration.
const maxConfig = 4 << 20

// kernelConfig is what the running kernel was built with; nil when nobody says.
func (p *patient) kernelConfig() map[string]string {
	text := p.zippedConfig()
	if text == "" {
		release, err := p.get("proc/sys/kernel/osrelease")
		if err != nil || strings.ContainsAny(release, "/\\") {
			return nil
		}
		for _, file := range []string{"boot/config-" + release, "usr/lib/modules/" + release + "/config", "lib/modules/" + release + "/config"} {
			if text, _ = p.get(file); text != "" {
				break
			}
		}
	}
	if text == "" {
		return nil
	}
	config := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found && strings.HasPrefix(name, "CONFIG_") {
			config[name] = value
		}
	}
	return config
}

func (p *patient) zippedConfig() string {
	f, err := p.Root.Open("proc/config.gz")
	if err != nil {
		return ""
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return ""
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxConfig))
	if err != nil {
		return ""
	}
	return string(raw)
}

// built tells whether the kernel has one of the options.
func (p *patient) built(options ...string) bool {
	return slices.ContainsFunc(options, func(o string) bool { return p.config[o] == "y" })
}

const noConfig = "neither /proc/config.gz nor the file in /boot says how the kernel was built"

// checkPreemption passes as rtcqs does: a realtime kernel, interrupts in threads,
// or full preemption.
func (p *patient) checkPreemption() Finding {
	realtime, _ := p.get("sys/kernel/realtime")
	preempt := ""
	for _, word := range p.boot {
		if value, found := strings.CutPrefix(word, "preempt="); found {
			preempt = value
		}
	}
	switch {
	case realtime == "1" || p.built("CONFIG_PREEMPT_RT"):
		return fine("a realtime kernel (PREEMPT_RT)")
	case slices.Contains(p.boot, "threadirqs") && preempt == "full":
		return fine("full preemption, and interrupts in threads")
	case slices.Contains(p.boot, "threadirqs"):
		return fine("interrupts run in threads (threadirqs)")
	case preempt == "full", preempt == "" && p.built("CONFIG_PREEMPT"):
		return fine("full preemption").but("more: threadirqs on the kernel's command line, so that rtirq or the like can rank interrupts", Boot)
	case p.config == nil && preempt == "":
		return unknown(noConfig)
	}
	remedy := "threadirqs on the kernel's command line"
	if p.built("CONFIG_PREEMPT_DYNAMIC") {
		remedy = "preempt=full threadirqs on the kernel's command line"
	}
	return warning("the kernel serves interrupts before everything else, and gives way late").but(remedy+", or a realtime kernel (PREEMPT_RT)", Boot)
}

func (p *patient) checkTimers() Finding {
	return p.option("high-resolution timers", "CONFIG_HIGH_RES_TIMERS")
}

func (p *patient) checkTickless() Finding {
	return p.option("no tick on idle CPUs", "CONFIG_NO_HZ", "CONFIG_NO_HZ_IDLE", "CONFIG_NO_HZ_FULL")
}

func (p *patient) option(what string, options ...string) Finding {
	switch {
	case p.config == nil:
		return unknown(noConfig)
	case p.built(options...):
		return fine("the kernel has %s", what)
	}
	return warning("the kernel does not have %s", what).but(fmt.Sprintf("a kernel with %s=y", options[0]), Boot)
}

// checkMitigations tells a cost. rtcqs calls it a fault; we do not advise to run
// strangers' code without them.
func (p *patient) checkMitigations() Finding {
	if slices.Contains(p.boot, "mitigations=off") {
		return note("mitigations of the CPU's flaws are off: fast, and open to what programs and web pages try")
	}
	on := 0
	for _, file := range p.glob("sys/devices/system/cpu/vulnerabilities/*") {
		if text, _ := p.get(file); strings.HasPrefix(text, "Mitigation") {
			on++
		}
	}
	if on == 0 {
		return fine("the CPU needs no mitigations that the kernel knows of")
	}
	return note("mitigations of the CPU's flaws are on (%d), and cost a little at each system call", on).
		but("mitigations=off on the kernel's command line, if at all on a machine without a network", Boot)
}
