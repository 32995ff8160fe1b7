package doctor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/doctor"
)

// onNixOS puts a fault on a machine that a configuration makes.
func onNixOS(t *testing.T, change func(h *doctor.Host), gone ...string) []doctor.Finding {
	t.Helper()
	h := healthy(t)
	tree := installed()
	for _, file := range gone {
		delete(tree, file)
	}
	tree["etc/NIXOS"] = ""
	h.On.Root = tree.fs()
	if change != nil {
		change(&h)
	}
	return doctor.System(h)
}

func TestOnNixOSRemediesAreOptions(t *testing.T) {
	t.Parallel()
	const rebuild = " in the configuration, then sudo nixos-rebuild switch"
	for name, c := range map[string]struct {
		gone   string
		change func(h *doctor.Host)
		remedy string
	}{
		"no policy":       {"etc/dbus-1/system.d/org.modectl.Manager1.conf", func(h *doctor.Host) { h.Daemon = nil }, "say services.moded.enable = true;" + rebuild},
		"no actions":      {"usr/share/polkit-1/actions/org.modectl.policy", nil, "say services.moded.enable = true;" + rebuild},
		"not installed":   {"", func(h *doctor.Host) { h.Daemon = nil; unit("moded.service", missing)(h) }, "say services.moded.enable = true;" + rebuild},
		"down":            {"", unit("moded-probe.socket", inactive), "sudo systemctl start moded-probe.socket"},
		"no polkit":       {"", func(h *doctor.Host) { h.Has = func(string) bool { return false } }, "say security.polkit.enable = true;" + rebuild},
		"no agent's unit": {"usr/lib/systemd/user/moded-agent.service", nil, "say services.moded.enable = true;" + rebuild},
		"no agent": {"", func(h *doctor.Host) {
			h.Daemon.Resources.Audio = []manager1.AudioUser{{User: "ann", State: "unknown", Unknown: "no agent"}}
		}, "systemctl --user start moded-agent.service"},
		"no driver":  {"sys/bus/pci/drivers/nvidia/0000:01:00.0/power/control", nil, `say services.xserver.videoDrivers = [ "nvidia" ];` + rebuild},
		"no display": {"", unit("display-manager.service", missing), "say services.displayManager.gdm.enable = true; (or another one)" + rebuild},
		"no gate": {"", unit("vllm.service", func(u *doctor.Unit) { u.Fragment = "/etc/moded/moded.toml" }),
			`say systemd.services."vllm".unitConfig.ConditionPathExists = [ "!/run/moded/deny/%n" ];` + rebuild},
		"no steering": {"", unit("vllm.service", func(u *doctor.Unit) { u.EnvironmentFiles = nil }),
			`say systemd.services."vllm".serviceConfig.EnvironmentFile = [ "/run/moded/env/vllm.service" ];` + rebuild},
		"no pressure": {"proc/pressure/memory", nil, `say boot.kernelParams = [ "psi=1" ];` + rebuild + ", and boot anew"},
	} {
		found := onNixOS(t, c.change, c.gone)
		if !slices.ContainsFunc(found, func(f doctor.Finding) bool { return strings.HasPrefix(f.Remedy, c.remedy) }) {
			t.Errorf("%s: want %q in %+v", name, c.remedy, found)
		}
		for _, f := range found {
			for _, elsewhere := range []string{"apt ", "make install", "systemctl enable", "systemctl edit", "/usr/share"} {
				if strings.Contains(f.Remedy, elsewhere) {
					t.Errorf("%s: %q is no way on NixOS", name, f.Remedy)
				}
			}
		}
	}
}

func TestAHealthyNixOSGivesNoWork(t *testing.T) {
	t.Parallel()
	h := healthy(t)
	tree := files{"etc/NIXOS": "", "run/current-system/sw/bin/pkttyagent": "", "run/current-system/sw/share/dbus-1/system.d/org.modectl.Manager1.conf": "",
		"run/current-system/sw/share/polkit-1/actions/org.modectl.policy": "", "etc/systemd/user/moded-agent.service": ""}
	for path, text := range installed() {
		if !strings.HasPrefix(path, "usr/share") && !strings.HasPrefix(path, "usr/bin") && !strings.Contains(path, "dbus-1") && !strings.HasSuffix(path, "moded-agent.service") {
			tree[path] = text
		}
	}
	h.On.Root = tree.fs()
	for _, f := range doctor.System(h) {
		if f.Level != doctor.Fine {
			t.Errorf("%+v", f)
		}
	}
}
