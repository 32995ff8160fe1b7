package cli

import (
	"fmt"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

func (a *app) printResources(r manager1.Resources) {
	a.ui.printf("%s%.2f %.2f %.2f on %s; pressure cpu %.1f %%, memory %.1f %%, io %.1f %%", head("Load"),
		r.Load1, r.Load5, r.Load15, plural(int(r.CPUs), "CPU", "CPUs"), r.PSICPU, r.PSIMemory, r.PSIIO)
	a.ui.printf("%s%s of %s available", head("Memory"), bytes(r.MemoryAvailable), bytes(r.MemoryTotal))
	for _, g := range r.GPUs {
		a.ui.text(head("GPU"), plain, gpuLine(g))
	}
	for _, s := range r.Sessions {
		a.ui.text(head("Session"), plain, sessionLine(s))
	}
	for _, u := range r.Audio {
		a.ui.text(head("Audio"), plain, audioLine(u))
	}
	for _, u := range r.Units {
		a.ui.printf("%s%s %s (%s)", head("Unit"), u.Unit, u.ActiveState, u.SubState)
	}
	for _, line := range r.Unknown {
		a.ui.text(head("Unknown"), yellow, line)
	}
}

func gpuLine(g manager1.GPU) string {
	parts := []string{strings.TrimSpace(g.Driver + " " + g.Model)}
	if g.Role != "" {
		parts = append(parts, "role "+g.Role)
	}
	if g.Suspended {
		parts = append(parts, "suspended")
	} else {
		parts = append(parts, fmt.Sprintf("%.0f %% busy", g.BusyPercent))
		if g.MemoryTotal > 0 {
			parts = append(parts, bytes(g.MemoryUsed)+" of "+bytes(g.MemoryTotal)+" used")
		}
	}
	if len(g.Holders) > 0 {
		parts = append(parts, "held by "+culprits(g.Holders))
	}
	return g.GPU + ": " + strings.Join(parts, ", ")
}

func sessionLine(s manager1.Session) string {
	line := fmt.Sprintf("%s of %s (%s", s.Session, s.User, s.Type)
	if s.Desktop != "" {
		line += ", " + s.Desktop
	}
	if s.Seat != "" {
		line += ", " + s.Seat
	}
	if s.Remote {
		line += ", remote"
	}
	return line + ")"
}

func audioLine(u manager1.AudioUser) string {
	line := u.User + ": " + u.State
	if len(u.Nodes) > 0 {
		line += ", " + culprits(u.Nodes)
	}
	if !u.Agent {
		line += "; no agent"
	}
	return line
}
