package doctor

import "strings"

// mend is a command for people to type; on NixOS, where what is installed or
// enabled by hand is gone with the next rebuild, an option to set instead.
func (h *host) mend(command, option string) string {
	if !h.onNixOS() {
		return h.asRoot(command)
	}
	return "say " + option + " in the configuration, then " + h.asRoot("nixos-rebuild switch")
}

func (h *host) onNixOS() bool { return h.exists("etc/NIXOS") }

// enable has a unit start now and with the machine. On NixOS the module enables
// ours for good.
func (h *host) enable(unit string) string {
	if h.onNixOS() {
		return h.asRoot("systemctl start " + unit)
	}
	return h.asRoot("systemctl enable --now " + unit)
}

// The options of NixOS that answer what a check finds missing.
const (
	nixModule  = "services.moded.enable = true;"
	nixPolkit  = "security.polkit.enable = true;"
	nixNVIDIA  = `services.xserver.videoDrivers = [ "nvidia" ];`
	nixDisplay = "services.displayManager.gdm.enable = true; (or another one)"
	nixPSI     = `boot.kernelParams = [ "psi=1" ];`
)

// nixUnit is a setting of a service in the configuration.
func nixUnit(service, setting string) string {
	return `systemd.services."` + strings.TrimSuffix(service, ".service") + `".` + setting + ";"
}
