package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// Bounds of what a person reads; --json has the rest.
const (
	fewRows = 8               // of a list below a line
	old     = 5 * time.Second // a part that was seen earlier is said to be old
)

// printResources shows what the machine is now: what is unknown, and what was
// seen a while ago, at the end.
func (a *app) printResources(r manager1.Resources) {
	a.ui.text(head("Load"), plain, fmt.Sprintf("%.2f %.2f %.2f on %s; pressure cpu %.1f %%, memory %.1f %%, io %.1f %%",
		r.Load1, r.Load5, r.Load15, plural(int(r.CPUs), "CPU", "CPUs"), r.PSICPU, r.PSIMemory, r.PSIIO))
	a.ui.printf("%s%s of %s available", head("Memory"), bytes(r.MemoryAvailable), bytes(r.MemoryTotal))
	if power := powerLine(r); power != "" {
		a.ui.printf("%s%s", head("Power"), power)
	}
	for _, g := range r.GPUs {
		a.ui.text(head("GPU"), plain, gpuLine(g, seen(r, "gpus")))
		if line := a.settingsLine(g.GPUSettings); line != "" {
			a.ui.text(statusHead+"  ", plain, line)
		}
		printFew(a, g.Instances, instanceLine)
		printFew(a, g.Holders, holderLine)
	}
	for _, s := range r.Sessions {
		a.ui.text(head("Session"), plain, a.sessionLine(s))
	}
	for _, u := range r.Audio {
		a.ui.text(head("Audio"), plain, a.audioLine(u))
		printFew(a, u.Nodes, culprit)
	}
	a.printWork(r)
	for _, u := range r.Units {
		a.ui.printf("%s%s %s (%s)", head("Unit"), u.Unit, u.ActiveState, u.SubState)
	}
	for _, line := range r.Unknown {
		a.ui.text(head("Unknown"), yellow, line)
	}
	for _, line := range a.oldParts(r.Parts) {
		a.ui.text(head("Old"), yellow, line)
	}
}

// printFew lists the first rows of a list below a line, and how many are left.
func printFew[T any](a *app, list []T, line func(T) string) {
	for _, item := range list[:min(len(list), fewRows)] {
		a.ui.text(statusHead+"  ", plain, line(item))
	}
	if more := len(list) - fewRows; more > 0 {
		a.ui.text(statusHead+"  ", dim, fmt.Sprintf("and %d more", more))
	}
}

// oldParts names what was seen a while ago.
func (a *app) oldParts(parts []manager1.Part) []string {
	var lines []string
	for _, p := range parts {
		if age := a.Now().Sub(p.At); p.Unknown == "" && !p.At.IsZero() && age >= old {
			lines = append(lines, fmt.Sprintf("%s was seen %s ago", p.Part, seconds(age)))
		}
	}
	return lines
}

// seen tells whether a part was seen whole.
func seen(r manager1.Resources, part string) bool {
	return slices.ContainsFunc(r.Parts, func(p manager1.Part) bool { return p.Part == part && p.Unknown == "" })
}

// powerLine is empty when nobody looked.
func powerLine(r manager1.Resources) string {
	switch {
	case !seen(r, "power"):
		return ""
	case r.BatteryPercent < 0:
		return "mains"
	case r.Mains:
		return fmt.Sprintf("mains, battery %.0f %%", r.BatteryPercent)
	}
	return fmt.Sprintf("battery, %.0f %%", r.BatteryPercent)
}

func gpuLine(g manager1.GPU, all bool) string {
	var parts list
	parts.add(gpuKind(g))
	parts.addIf(g.Role != "", "role "+g.Role)
	parts.addIf(g.Connected, "display connected")
	if g.Suspended {
		parts.add("suspended")
		return gpuName(g) + ": " + parts.String()
	}
	parts.addIf(g.Temperature > 0, fmt.Sprintf("%d °C", g.Temperature))
	if g.Unmeasured == "" {
		parts.add(fmt.Sprintf("%.0f %% busy", g.BusyPercent))
	} else {
		parts.add("use unknown (" + g.Unmeasured + ")")
	}
	parts.addIf(g.MemoryTotal > 0, bytes(g.MemoryUsed)+" of "+bytes(g.MemoryTotal)+" used")
	parts.addIf(all && len(g.Holders) == 0, "held by nobody")
	return gpuName(g) + ": " + parts.String()
}

// settingsLine is empty when no mode has had the driver asked.
func (a *app) settingsLine(s manager1.GPUSettings) string {
	var parts list
	parts.addIf(s.ComputeMode != "", "compute mode "+s.ComputeMode)
	parts.addIf(s.PowerLimit > 0, fmt.Sprintf("power limit %s of %s", watts(s.PowerLimit), watts(s.PowerDefault)))
	parts.addIf(s.Persistence != "", "persistence "+s.Persistence)
	parts.addIf(s.MIG != "", strings.TrimSpace("MIG "+s.MIG+" "+strings.Join(s.MIGParts, " ")))
	parts.addIf(s.MIGPending != s.MIG, s.MIGPending+" after a reset")
	if len(parts) == 0 {
		return ""
	}
	if age := a.Now().Sub(s.SettingsAt); age >= old {
		parts.add("as of " + a.when(s.SettingsAt))
	}
	return "set to " + parts.String()
}

func watts(milli uint32) string { return fmt.Sprintf("%.0f W", float64(milli)/1000) }

// gpuKind is the driver and the model, which often begins with the same word.
func gpuKind(g manager1.GPU) string {
	if strings.HasPrefix(strings.ToLower(g.Model), strings.ToLower(g.Driver)) {
		return g.Model
	}
	return strings.TrimSpace(g.Driver + " " + g.Model)
}

func gpuName(g manager1.GPU) string {
	if g.GPU != "" {
		return g.GPU
	}
	return g.PCI
}

func instanceLine(i manager1.Instance) string {
	line := i.UUID
	if i.Model != "" {
		line += " (" + i.Model + ")"
	}
	if i.MemoryTotal > 0 {
		line += ": " + bytes(i.MemoryUsed) + " of " + bytes(i.MemoryTotal) + " used"
	}
	return line
}

func holderLine(h manager1.Holder) string {
	var parts list
	parts.addIf(h.Compute, "compute")
	parts.addIf(h.Graphics, "graphics")
	parts.addIf(h.Memory > 0, bytes(h.Memory))
	parts.addIf(h.BusyPercent > 0, fmt.Sprintf("%.0f %% busy", h.BusyPercent))
	parts.addIf(h.Pod != "", "pod "+h.Pod)
	parts.addIf(h.Instance != "", "on "+h.Instance)
	if len(parts) == 0 {
		return culprit(h.Culprit)
	}
	return culprit(h.Culprit) + ": " + parts.String()
}

func (a *app) sessionLine(s manager1.Session) string {
	var parts list
	parts.add(s.Type)
	parts.addIf(s.Class != "" && s.Class != "user", s.Class)
	parts.addIf(s.Desktop != "", s.Desktop)
	parts.addIf(s.Seat != "", s.Seat)
	parts.addIf(s.Remote, "remote")
	if s.Idle && !s.IdleSince.IsZero() {
		parts.add("idle since " + a.when(s.IdleSince))
	} else {
		parts.addIf(s.Idle, "idle")
	}
	return fmt.Sprintf("%s of %s (%s)", s.Session, s.User, parts.String())
}

func (a *app) audioLine(u manager1.AudioUser) string {
	var parts list
	parts.add(u.State)
	for _, n := range []struct {
		count uint32
		what  string
	}{{u.Recording, "recording"}, {u.Production, "in production"}, {u.Media, "playing"}} {
		parts.addIf(n.count > 0, fmt.Sprintf("%d %s", n.count, n.what))
	}
	parts.addIf(u.Quantum > 0, fmt.Sprintf("quantum %d", u.Quantum))
	parts.addIf(u.Rate > 0, fmt.Sprintf("rate %d", u.Rate))
	parts.addIf(!u.IdleSince.IsZero(), "since "+a.when(u.IdleSince))
	line := u.User
	if line == "" {
		line = fmt.Sprintf("uid %d", u.UID)
	}
	line += ": " + parts.String()
	if u.Unknown != "" {
		return line + "; " + u.Unknown
	}
	if !u.Agent {
		line += "; no agent"
	}
	return line
}

// list is a list of words that becomes a line.
type list []string

func (l *list) add(s string) { *l = append(*l, s) }

func (l *list) addIf(ok bool, s string) {
	if ok {
		l.add(s)
	}
}

func (l list) String() string { return strings.Join(l, ", ") }
