package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
)

// printWork shows what people and services have under way. What there is none
// of has no line: what could not be seen is among the unknown.
func (a *app) printWork(r manager1.Resources) {
	a.printRows("Job", len(r.Jobs), int(r.JobsTotal), func(i int) string { return jobLine(r.Jobs[i]) })
	a.printRows("Lock", len(r.Locks), 0, func(i int) string {
		return "of " + r.Locks[i].Manager + ", held by " + culprit(r.Locks[i].Culprit)
	})
	a.printRows("Inhibitor", len(r.Inhibitors), 0, func(i int) string { return inhibitorLine(r.Inhibitors[i]) })
	a.printRows("Hold", len(r.Holds), 0, func(i int) string { return a.holdLine(r.Holds[i]) })
	a.printRows("DAW", len(r.DAWs), 0, func(i int) string { return dawLine(r.DAWs[i]) })
	a.printRows("vLLM", len(r.VLLM), 0, func(i int) string { return vllmLine(r.VLLM[i]) })
	if r.K3sUnit != "" || len(r.Pods) > 0 {
		a.ui.text(head("Pods"), plain, podsLine(r))
		printFew(a, r.Pods, podLine)
	}
}

// printRows shows the first rows of a kind, and how many there are besides.
func (a *app) printRows(name string, n, total int, line func(i int) string) {
	for i := range min(n, fewRows) {
		a.ui.text(head(name), plain, line(i))
	}
	if more := max(n, total) - min(n, fewRows); more > 0 {
		a.ui.text(statusHead, dim, fmt.Sprintf("and %d more", more))
	}
}

func jobLine(j manager1.Job) string {
	var parts list
	parts.add(fmt.Sprintf("%d %% CPU", j.CPUPercent))
	parts.addIf(j.AgeS > 0, "for "+seconds(time.Duration(j.AgeS)*time.Second))
	parts.addIf(j.Build != "", map[string]string{"compiler": "a compiler", "driver": "a build", "builder": "a builder"}[j.Build])
	parts.addIf(j.Foreground, "in the foreground")
	parts.addIf(j.TTY != "", "on "+j.TTY)
	return culprit(j.Culprit) + ": " + parts.String()
}

func inhibitorLine(i manager1.Inhibitor) string {
	line := fmt.Sprintf("%s (pid %d, %s) ", i.Who, i.PID, owner(i))
	if i.Mode == "delay" {
		line += "delays "
	} else {
		line += "blocks "
	}
	line += strings.Join(i.What, ", ")
	if i.Why != "" {
		line += ": " + i.Why
	}
	return line
}

func owner(i manager1.Inhibitor) string {
	if i.User == "" {
		return orUID("", i.UID)
	}
	return "user " + i.User
}

func (a *app) holdLine(h manager1.HoldInfo) string {
	return fmt.Sprintf("%s: %s of %s, since %s: %s", h.Scope, h.Who, orUID(h.User, h.UID), a.when(h.Since), h.Why)
}

func dawLine(d manager1.DAW) string {
	if d.Unknown != "" {
		return d.URL + ": unknown: " + d.Unknown
	}
	line := d.URL + " of " + orUID(d.User, d.UID) + ": " + d.State
	if d.Armed > 0 {
		line += ", " + plural(int(d.Armed), "track", "tracks") + " armed"
	}
	return line
}

func vllmLine(s manager1.VLLM) string {
	var parts list
	parts.addIf(s.ActiveState != "", s.ActiveState)
	switch {
	case s.Unknown != "":
		parts.add("requests unknown: " + s.Unknown)
	case s.ActiveState == "active":
		parts.add(map[bool]string{true: "ready", false: "not ready"}[s.Healthy])
		parts.add(plural(int(s.Running), "request", "requests") + " running")
		parts.add(fmt.Sprintf("%d waiting", s.Waiting))
		parts.addIf(s.Generating, "generating")
	}
	line := fmt.Sprintf("%s (%s): %s", s.VLLM, s.Unit, parts.String())
	if len(s.Models) > 0 {
		line += "; serves " + strings.Join(s.Models, ", ")
	}
	return line
}

func podsLine(r manager1.Resources) string {
	var parts list
	parts.addIf(r.K3sUnit != "", strings.TrimSpace(r.K3sUnit+" "+r.K3sActiveState))
	parts.addIf(r.K3sNode != "", "node "+r.K3sNode)
	parts.addIf(r.Unschedulable, "cordoned")
	parts.add(plural(len(r.Pods), "pod", "pods"))
	return parts.String()
}

func podLine(p manager1.Pod) string {
	var parts list
	parts.add(p.Phase)
	parts.addIf(p.Owner != "", "of a "+p.Owner)
	parts.addIf(p.Owner == "", "managed by nobody")
	parts.addIf(p.GPUs > 0, plural(int(p.GPUs), "GPU", "GPUs"))
	return p.Namespace + "/" + p.Pod + ": " + parts.String()
}

func orUID(user string, uid uint32) string {
	if user != "" {
		return user
	}
	return fmt.Sprintf("uid %d", uid)
}
