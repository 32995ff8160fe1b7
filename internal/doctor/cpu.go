package doctor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	performance = "performance"
	policies    = "sys/devices/system/cpu/cpufreq/policy*"
)

func (p *patient) checkGovernor() Finding {
	return p.policy("scaling_governor", "scaling_available_governors", "there is no frequency scaling to turn", "cpupower frequency-set -g performance")
}

func (p *patient) checkPreference() Finding {
	return p.policy("energy_performance_preference", "energy_performance_available_preferences",
		"the driver has no energy preference", "powerprofilesctl set performance")
}

// policy compares a file of every policy of cpufreq with performance.
func (p *patient) policy(file, offers, none, by string) Finding {
	counts, unable, total := map[string]int{}, 0, 0
	for _, dir := range p.glob(policies) {
		is, err := p.get(path.Join(dir, file))
		if err != nil {
			continue
		}
		total++
		counts[is]++
		if offer, _ := p.get(path.Join(dir, offers)); is != performance && !slices.Contains(strings.Fields(offer), performance) {
			unable++
		}
	}
	var words []string
	for _, is := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s on %d", is, counts[is]))
	}
	said := strings.Join(words, ", ") + " of " + strconv.Itoa(total) + " policies"
	switch {
	case total == 0:
		return fine("%s", none)
	case counts[performance] == total:
		return fine("%s on all CPUs", performance)
	case unable > 0:
		return warning("%s; %d cannot have %s", said, unable, performance).but("another driver of cpufreq: see intel_pstate= and amd_pstate= of the kernel", Boot)
	case p.byStudio():
		return fine("%s; %s sets %s", said, p.studio.Mode, performance)
	}
	return warning("%s", said).but(p.letStudio("as root: "+by), Entering)
}

// checkWakeUp is about /dev/cpu_dma_latency, which keeps CPUs from deep sleep
// while somebody has it open.
func (p *patient) checkWakeUp() Finding {
	const file = "dev/cpu_dma_latency"
	switch {
	case !p.exists(file):
		return warning("there is no /%s: nobody can ask for short wake-ups", file).but("a kernel with CONFIG_CPU_IDLE", Boot)
	case p.byStudio():
		return fine("%s asks for short wake-ups through /%s", p.studio.Mode, file)
	case p.Writable == nil:
		return unknown("whether you may write to /%s was not tried", file)
	case p.Writable("/" + file):
		return fine("programs of yours may ask for short wake-ups through /%s", file)
	}
	return warning("nobody asks for short wake-ups, and you may not write to /%s", file).but(p.letStudio("give the group audio the file, by udev"), Entering)
}

func (p *patient) checkSMT() Finding {
	active, err := p.get("sys/devices/system/cpu/smt/active")
	switch {
	case err != nil:
		return unknown("whether threads share cores cannot be told")
	case active == "1":
		return note("two threads share each core, and wait for each other now and then").
			but("only where clicks remain: nosmt on the kernel's command line", Boot)
	}
	return fine("no two threads share a core")
}

const enoughSwappiness = 10

func (p *patient) checkSwappiness() Finding {
	text, err := p.get("proc/sys/vm/swappiness")
	n, err2 := strconv.Atoi(text)
	swaps, _ := p.get("proc/swaps")
	switch {
	case err != nil || err2 != nil:
		return unknown("vm.swappiness cannot be read")
	case n <= enoughSwappiness:
		return fine("vm.swappiness is %d", n)
	case p.byStudio():
		return fine("vm.swappiness is %d; %s sets %d", n, p.studio.Mode, enoughSwappiness)
	case strings.Count(swaps, "\n") == 0 && strings.HasPrefix(swaps, "Filename"):
		return fine("vm.swappiness is %d, and there is no swap", n)
	}
	return warning("vm.swappiness is %d: memory of programs at rest is swapped out early", n).
		but(p.letStudio("as root: sysctl vm.swappiness=10"), Entering)
}
