package doctor

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

const agentUnit = "moded-agent.service"

// checkAgents looks for people whose audio nobody reports.
func (h *host) checkAgents() {
	installed := slices.ContainsFunc([]string{"etc/systemd/user/", "usr/lib/systemd/user/", "usr/local/lib/systemd/user/", "lib/systemd/user/"},
		func(dir string) bool { return h.exists(dir + agentUnit) })
	if !installed {
		h.wrong(Failure, agentUnit+" is not installed for users", "who plays or records is unknown, and guards of kind audio deny", h.anew())
	}
	if h.Daemon == nil || h.Daemon.Resources == nil {
		h.tell(unknown("whether everybody has one is not known without moded"))
		return
	}
	people := 0
	for _, u := range h.Daemon.Resources.Audio {
		if u.Agent {
			people++
			continue
		}
		if u.State != "unknown" {
			continue // nothing of audio runs
		}
		who := u.User
		if who == "" {
			who = fmt.Sprintf("uid %d", u.UID)
		}
		h.wrong(Warning, who+" is logged in without an agent: "+u.Unknown,
			"guards of kind audio deny, and no mode can have this user's audio off or in real time", h.enableAgent(u))
	}
	if why := h.unseen("processes"); why != "" {
		h.tell(unknown("who else plays without one is not known: %s", why))
	}
	h.fineIf("%d of %d users with audio have one", people, len(h.Daemon.Resources.Audio))
}

func (h *host) enableAgent(u manager1.AudioUser) string {
	if u.User == h.User || u.User == "" {
		return h.startAgent("")
	}
	return h.asRoot(h.startAgent(" --machine=" + u.User + "@"))
}

// startAgent is the command for it, of somebody else by their machine.
func (h *host) startAgent(machine string) string {
	if h.onNixOS() {
		return "systemctl --user" + machine + " start " + agentUnit // the module has it enabled
	}
	return "systemctl --user" + machine + " enable --now " + agentUnit
}

// checkLinger names users whose manager outlives their sessions.
func (h *host) checkLinger() {
	entries, err := fs.ReadDir(h.Root, "var/lib/systemd/linger")
	if err != nil || len(entries) == 0 {
		h.tell(fine("nobody's services outlive the sessions"))
		return
	}
	var users []string
	for _, e := range entries {
		users = append(users, manager1.Clean(e.Name(), manager1.MaxText))
	}
	h.tell(Finding{Level: Note, Summary: "services of " + strings.Join(users, ", ") + " go on when the sessions have ended",
		Why:    "a mode without a GUI ends the sessions, and waits until nothing of them holds a GPU; what lingers may",
		Remedy: h.asRoot("loginctl disable-linger " + users[0]), At: Now})
}

func (h *host) checkPolkit() {
	if !h.exists("usr/share/polkit-1/actions/org.modectl.policy") && !h.exists("usr/local/share/polkit-1/actions/org.modectl.policy") &&
		!h.exists("run/current-system/sw/share/polkit-1/actions/org.modectl.policy") {
		h.wrong(Failure, "moded's actions are not installed", "polkit denies what it does not know: only root may change the mode", h.anew())
	}
	if h.Has != nil && h.NoBus == nil && !h.Has("org.freedesktop.PolicyKit1") {
		h.wrong(Failure, "polkit is not on the bus", "nobody but root may change the mode", h.mend("apt install polkitd && "+h.asRoot("systemctl start polkit.service"), nixPolkit))
	}
	if !h.exists("usr/bin/pkttyagent") && !h.exists("run/current-system/sw/bin/pkttyagent") && !h.Super {
		h.wrong(Warning, "pkttyagent is missing", "over ssh and on a console nobody can be asked for a password", h.mend("apt install polkitd", nixPolkit))
	}
	h.fineIf("it knows moded's actions")
}
