package doctor

import (
	"fmt"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

// moded's own units that must be there and on.
var ownUnits = []struct{ name, why string }{
	{service, "after the next boot nobody would keep the mode"},
	{"moded-probe.socket", "without its eyes moded sees neither load nor GPUs, and guards deny what nobody can see"},
	{"moded-workload.socket", "without it moded knows nothing of vLLM's requests, of REAPER and of pods"},
}

// looked asks PID 1 for a unit; false when it does not tell.
func (h *host) looked(name string) (Unit, bool) {
	u, err := h.Units(name)
	if err != nil {
		h.tell(unknown("%s: PID 1 does not say: %s", name, manager1.Clean(err.Error(), manager1.MaxLine)))
	}
	return u, err == nil
}

// noPID1 tells once that there is nobody to ask for units.
func (h *host) noPID1() bool {
	switch {
	case h.NoBus != nil:
		h.tell(unknown("PID 1 cannot be asked for units without the bus"))
	case h.Units == nil:
		h.tell(unknown("PID 1 is not on this bus, to be asked for units"))
	}
	return h.Units == nil
}

func (h *host) checkServices() {
	if h.noPID1() {
		return
	}
	for _, own := range ownUnits {
		u, ok := h.looked(own.name)
		switch {
		case !ok:
		case !u.there():
			h.wrong(Failure, own.name+" is "+u.Load, own.why, h.install())
		case u.FileState == "masked":
			h.wrong(Failure, own.name+" is masked", own.why, h.asRoot("systemctl unmask "+own.name))
		case u.Active != "active" && u.Active != "reloading":
			h.wrong(Failure, fmt.Sprintf("%s is %s", own.name, u.says()), own.why, h.enable(own.name))
		case u.FileState == "disabled":
			h.wrong(Warning, own.name+" runs, and is not enabled", own.why, h.mend("systemctl enable "+own.name, nixModule))
		}
		if u.NeedsReload {
			h.wrong(Warning, "the files of "+own.name+" are newer than what PID 1 has read", "what was installed is not in force", h.asRoot("systemctl daemon-reload"))
		}
	}
	h.fineIf("moded's own units are on")
}

// checkUnits looks for the units that modes name.
func (h *host) checkUnits() {
	if h.Units == nil {
		return // said
	}
	seen := 0
	for _, w := range h.Config.Units {
		u, ok := h.looked(w.Name)
		if !ok {
			continue
		}
		seen++
		switch {
		case u.there() && u.NeedsReload:
			h.wrong(Warning, "the files of "+w.Name+" are newer than what PID 1 has read", "what was installed is not in force", h.asRoot("systemctl daemon-reload"))
		case u.there():
		case len(w.Refused) > 0:
			h.wrong(Failure, fmt.Sprintf("%s is %s, which %s needs", w.Name, u.Load, strings.Join(w.Refused, ", ")),
				"a switch there is refused before anything is touched",
				fmt.Sprintf("systemctl status %s; or say when-missing = \"skip\" for it in the configuration", w.Name))
		default:
			h.tell(note("%s is %s, and is left out of %s", w.Name, u.Load, strings.Join(w.Modes, ", ")))
		}
	}
	if seen == 0 {
		h.tell(note("the modes name no units"))
		return
	}
	h.fineIf("all %d that modes name are there", seen)
}

// gatePath is in the condition of every gate.
const gatePath = "/run/moded/deny/"

// checkGates looks for the condition that holds a unit down.
func (h *host) checkGates() {
	if h.Units == nil {
		return
	}
	gated := 0
	for _, w := range h.Config.Units {
		if len(w.Down) == 0 || w.Kind == "units" || !strings.HasSuffix(w.Name, ".service") {
			continue // moded has gates for none of the kind units
		}
		u, err := h.Units(w.Name)
		if err != nil || !u.there() {
			continue // said
		}
		if h.isGated(u) {
			gated++
			continue
		}
		h.wrong(Warning, fmt.Sprintf("%s has no gate, and %s %s it down", u.ID, strings.Join(w.Down, ", "), verb(len(w.Down), "wants", "want")),
			"a package upgrade or a hand that starts it is not stopped",
			h.mend("install -Dm644 /usr/share/doc/moded/examples/gate.conf /etc/systemd/system/"+u.ID+".d/50-moded-gate.conf && "+h.asRoot("systemctl daemon-reload"),
				nixUnit(u.ID, `unitConfig.ConditionPathExists = [ "!/run/moded/deny/%n" ]`)))
	}
	if gated > 0 {
		h.fineIf("%d units that modes have down have one", gated)
	}
}

// isGated is true, too, when none of the files may be read: nothing is known
// then.
func (h *host) isGated(u Unit) bool {
	read := false
	for _, file := range append([]string{u.Fragment}, u.DropIns...) {
		text, err := h.get(strings.TrimPrefix(file, "/"))
		read = read || err == nil
		if strings.Contains(text, "ConditionPathExists=!"+gatePath) {
			return true
		}
	}
	return !read
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// checkVLLM looks whether a server reads which GPUs it has.
func (h *host) checkVLLM() {
	if h.Units == nil {
		return
	}
	for _, w := range h.Config.Units {
		u, err := h.Units(w.Name)
		if w.Kind != "vllm" || err != nil || !u.there() {
			continue
		}
		file := "/run/moded/env/" + u.ID
		reads := ""
		for _, have := range u.EnvironmentFiles {
			if strings.TrimPrefix(have, "-") == file {
				reads = have
			}
		}
		if reads == file {
			h.tell(fine("%s reads which GPUs it has", w.Name))
			continue
		}
		summary := w.Name + " does not read " + file
		if reads != "" {
			summary = w.Name + " starts without " + file + ", for the dash before it"
		}
		h.wrong(Failure, summary, "CUDA would show it all GPUs: moded refuses the modes that run it",
			h.mend("systemctl edit "+w.Name+", and say under [Service]: EnvironmentFile="+file, nixUnit(u.ID, `serviceConfig.EnvironmentFile = [ "`+file+`" ]`)))
	}
}

// checkDisplay says which display manager there is.
func (h *host) checkDisplay() {
	if h.Units == nil {
		return
	}
	for _, w := range h.Config.Units {
		u, err := h.Units(w.Name)
		if w.Kind != "gui" || err != nil || !strings.HasSuffix(w.Name, ".service") {
			continue
		}
		switch {
		case !u.there():
			h.wrong(Warning, "there is no "+w.Name, "a mode with a GUI has nothing to start: this machine has no graphical login", h.mend("apt install gdm3", nixDisplay))
		case u.ID == w.Name:
			h.tell(fine("%s is %s", w.Name, u.says()))
		default:
			h.tell(fine("%s is %s, %s", w.Name, u.ID, u.says()))
		}
	}
}
