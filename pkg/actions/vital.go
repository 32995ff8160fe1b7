package actions

import (
	"path"
	"slices"
	"strings"
)

// vital is what isolating a target must never take away: who loses one of these
// loses the way to get it back. Patterns are path.Match's.
var vital = []struct {
	what     string
	patterns []string
}{
	{"bus", []string{"dbus.service", "dbus.socket", "dbus-broker.service"}},
	{"login", []string{"systemd-logind.service", "systemd-logind-varlink.socket", "systemd-user-sessions.service", "user@*.service",
		"user-runtime-dir@*.service", "getty@*.service", "serial-getty@*.service", "console-getty.service", "autovt@*.service"}},
	{"polkit", []string{"polkit.service", "polkitd.service"}},
	{"ssh", []string{"ssh.service", "ssh.socket", "ssh@*.service", "sshd.service", "sshd.socket", "sshd@*.service",
		"sshd-unix-local.socket", "sshd-vsock.socket", "dropbear.service", "dropbear.socket"}},
	{"network", []string{"NetworkManager.service", "systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service",
		"networking.service", "network.service", "ifup@*.service", "dhcpcd.service", "dhcpcd@*.service", "wpa_supplicant.service",
		"wpa_supplicant@*.service", "wpa_supplicant-*.service", "iwd.service", "connman.service", "netctl@*.service", "wicked*.service",
		"network-setup.service", "network-addresses-*.service", "network-link-*.service", "wg-quick@*.service", "wireguard-*.service", "tailscaled.service"}},
	{"firewall", []string{"firewall.service", "firewalld.service", "nftables.service", "iptables.service", "ufw.service", "netfilter-persistent.service"}},
	{"moded", []string{"moded.service", "moded-*.service", "moded-*.socket"}},
	{"system", []string{"init.scope", "systemd-journald.service", "systemd-journald*.socket", "systemd-udevd.service", "systemd-udevd-*.socket", "basic.target", "sysinit.target"}},
}

// vitals lists those of the units that are vital, with what they are for:
// "ssh.service (ssh)".
func vitals(units []string) (found []string) {
	for _, unit := range units {
		for _, v := range vital {
			if slices.ContainsFunc(v.patterns, func(p string) bool { ok, err := path.Match(p, unit); return ok && err == nil }) {
				found = append(found, unit+" ("+v.what+")")
				break
			}
		}
	}
	return found
}

// listed joins names as a sentence has room for them.
func listed(names []string) string { return strings.Join(names, ", ") }
