package doctor

import (
	"fmt"
	"strings"

	"github.com/modectl/moded/dbus/manager1"
)

const service = "moded.service"

func (h *host) checkBus() {
	if h.NoBus != nil {
		h.wrong(Failure, "the bus cannot be reached: "+manager1.Clean(h.NoBus.Error(), manager1.MaxLine),
			"modectl, applets and agents speak with moded over it", "systemctl status dbus.socket dbus.service")
		return
	}
	for _, dir := range []string{"etc", "usr/share", "usr/local/share", "run/current-system/sw/share"} {
		if h.exists(dir + "/dbus-1/system.d/org.modectl.Manager1.conf") {
			h.tell(fine("reached, and moded's policy is installed"))
			return
		}
	}
	if h.Daemon != nil {
		h.tell(fine("reached"))
		return
	}
	h.wrong(Failure, "moded's policy for the bus is not installed", "without it the bus gives nobody moded's name",
		h.mend("make install && "+h.asRoot("systemctl reload dbus.service"), nixModule))
}

// checkDaemon says what its unit says where the daemon is not there.
func (h *host) checkDaemon() {
	const why = "without it no mode is entered, left or kept; moded's last settings stay as they are"
	switch {
	case h.Daemon != nil:
		h.tell(fine("moded %s is there, in %s mode", h.Daemon.Version, h.Daemon.Mode))
	case h.NoBus != nil:
		h.tell(unknown("whether moded runs cannot be told without the bus"))
	case h.Units == nil:
		h.wrong(Failure, "moded is not on the bus", why, h.enable(service))
	default:
		h.missing(why)
	}
}

func (h *host) missing(why string) {
	u, err := h.Units(service)
	if err != nil {
		h.wrong(Failure, "moded is not on the bus, and PID 1 does not say why: "+manager1.Clean(err.Error(), manager1.MaxLine), why, "systemctl status "+service)
		return
	}
	remedy := h.enable(service)
	switch {
	case !u.there():
		remedy = h.install() + ", then " + remedy
	case u.Active == "failed" || u.Sub == "auto-restart":
		remedy = "journalctl -b -e -u " + service
	case u.Active == "active" || u.Active == "activating":
		remedy = "journalctl -b -e -u " + service + "; " + h.asRoot("systemctl reload dbus.service")
	}
	h.wrong(Failure, fmt.Sprintf("moded is not on the bus: %s is %s", service, u.says()), why, remedy)
}

// says is a unit's state in a few words.
func (u Unit) says() string {
	if !u.there() {
		return u.Load
	}
	text := u.Active
	if u.Sub != "" && u.Sub != u.Active {
		text += " (" + u.Sub + ")"
	}
	if u.FileState != "" {
		text += ", " + u.FileState
	}
	return text
}

// checkVersion compares the two that an upgrade can part.
func (h *host) checkVersion() {
	switch {
	case h.Daemon == nil:
		h.tell(unknown("this is modectl %s; moded's version is not known", h.Version))
	case h.Daemon.Version != h.Version:
		h.wrong(Warning, fmt.Sprintf("moded is %s, and this is modectl %s", h.Daemon.Version, h.Version),
			"an upgrade was installed, and the daemon from before still runs: it may not know what modectl asks",
			h.asRoot("systemctl restart "+service))
	default:
		h.tell(fine("moded and modectl are %s", h.Version))
	}
}

// checkMode passes on what moded itself holds to be wrong.
func (h *host) checkMode() {
	if h.Daemon == nil {
		return // said
	}
	d := h.Daemon
	switch {
	case d.Transition.Phase == manager1.PhaseStuck:
		h.wrong(Failure, fmt.Sprintf("transition %d is stuck: %s", d.Transition.ID, d.Transition.Message),
			"the machine is between two modes, and nothing more happens by itself", "modectl recover --help")
	case d.Mode == manager1.ModeBoot && !d.Transition.Open():
		h.wrong(Warning, "the machine is in no mode: it was not clear which one it is in",
			"moded keeps and verifies nothing until it is in one", "modectl switch "+h.Config.orDefault())
	}
	for _, line := range d.Degraded {
		h.wrong(Warning, line, "moded says so in Degraded, which every client shows", "modectl verify; modectl history show")
	}
	var drift []string
	for _, s := range d.Settings {
		if !s.Settled {
			drift = append(drift, strings.TrimSuffix(s.Kind+"/"+s.Key, "/"))
		}
	}
	if len(drift) > 0 && len(d.Degraded) == 0 {
		h.wrong(Warning, "not as the mode says: "+strings.Join(drift, ", "), "somebody or something has changed it since", "modectl verify")
	}
	h.fineIf("all that %s sets is as it says (%d)", d.Mode, len(d.Settings))
}
