package doctor_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/doctor"
)

// installed is a machine's tree on which all is well.
func installed() files {
	return files{
		"usr/bin/pkttyagent":                                    "",
		"etc/dbus-1/system.d/org.modectl.Manager1.conf":         "",
		"usr/share/polkit-1/actions/org.modectl.policy":         "",
		"usr/lib/systemd/user/moded-agent.service":              "",
		"usr/lib/systemd/system/gdm.service.d/50-gate.conf":     "[Unit]\nConditionPathExists=!/run/moded/deny/%n\n",
		"etc/systemd/system/vllm.service":                       "[Unit]\nConditionPathExists=!/run/moded/deny/%n\n",
		"sys/fs/cgroup/cgroup.controllers":                      "cpu",
		"proc/pressure/memory":                                  "some",
		"etc/moded/moded.toml":                                  "",
		"sys/bus/pci/devices/0000:01:00.0/class":                "0x030000",
		"sys/bus/pci/devices/0000:01:00.0/vendor":               "0x10de",
		"sys/bus/pci/drivers/nvidia/0000:01:00.0/power/control": "on",
	}
}

// units are PID 1's, by name.
type units map[string]doctor.Unit

func (u units) ask(name string) (doctor.Unit, error) {
	if have, ok := u[name]; ok {
		return have, nil
	}
	return doctor.Unit{ID: name, Load: "loaded", Active: "active", FileState: "enabled"}, nil
}

func pid1() units {
	return units{
		"display-manager.service": {ID: "gdm.service", Load: "loaded", Active: "active", DropIns: []string{"/usr/lib/systemd/system/gdm.service.d/50-gate.conf"}},
		"vllm.service":            {ID: "vllm.service", Load: "loaded", Active: "inactive", Fragment: "/etc/systemd/system/vllm.service", EnvironmentFiles: []string{"/run/moded/env/vllm.service"}},
		"k3s.service":             {ID: "k3s.service", Load: "loaded", Active: "active"},
	}
}

// healthy is a host about which there is nothing to say.
func healthy(t *testing.T) doctor.Host {
	t.Helper()
	cfg, err := config.Load(config.Options{Files: []string{"../../examples/workstation.toml"}})
	if err != nil {
		t.Fatal(err)
	}
	h := doctor.Host{On: doctor.Machine{Root: installed().fs(), User: "ann"}, Version: "1.2", Has: func(string) bool { return true },
		Config: doctor.WantedOf(cfg.Catalog), Units: pid1().ask}
	h.Config.GPUs = []string{"gpu0", "gpu1"}
	h.Daemon = &doctor.Daemon{Properties: manager1.Properties{Mode: "desktop", Version: "1.2", Modes: []string{"compute", "desktop", "studio"}},
		Settings: []manager1.Setting{{Kind: "gui", Settled: true}},
		Resources: &manager1.Resources{GPUs: []manager1.GPU{{GPU: "gpu0"}, {GPU: "gpu1"}},
			Audio: []manager1.AudioUser{{User: "ann", Agent: true}}}}
	return h
}

// without is a tree that lacks a file, and with one that has one more.
func without(path string) func(h *doctor.Host) {
	return func(h *doctor.Host) {
		f := installed()
		delete(f, path)
		h.On.Root = f.fs()
	}
}

func with(path, text string) func(h *doctor.Host) {
	return func(h *doctor.Host) {
		f := installed()
		f[path] = text
		h.On.Root = f.fs()
	}
}

// unit is a machine one of whose units is otherwise.
func unit(name string, change func(u *doctor.Unit)) func(h *doctor.Host) {
	return func(h *doctor.Host) {
		have := pid1()
		u, _ := have.ask(name)
		change(&u)
		have[name] = u
		h.Units = have.ask
	}
}

func TestAHealthyHostGivesNoWork(t *testing.T) {
	t.Parallel()
	for _, f := range doctor.System(healthy(t)) {
		if f.Level != doctor.Fine {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultIsFoundAndTellsWhatToType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(h *doctor.Host)
		check  string
		level  doctor.Level
		says   string
		remedy string
	}{
		"no bus": {func(h *doctor.Host) { h.NoBus, h.Daemon, h.Units = errors.New("refused"), nil, nil },
			"bus", doctor.Failure, "cannot be reached: refused", "systemctl status dbus"},
		"no policy":        {func(h *doctor.Host) { without("etc/dbus-1/system.d/org.modectl.Manager1.conf")(h); h.Daemon = nil }, "bus", doctor.Failure, "policy", "make install"},
		"never enabled":    {func(h *doctor.Host) { h.Daemon = nil; unit("moded.service", inactive)(h) }, "daemon", doctor.Failure, "moded.service is inactive (dead), disabled", "sudo systemctl enable --now moded.service"},
		"never installed":  {func(h *doctor.Host) { h.Daemon = nil; unit("moded.service", missing)(h) }, "daemon", doctor.Failure, "not-found", "make install"},
		"it fails":         {func(h *doctor.Host) { h.Daemon = nil; unit("moded.service", failed)(h) }, "daemon", doctor.Failure, "failed", "journalctl -b -e -u moded.service"},
		"it runs nameless": {func(h *doctor.Host) { h.Daemon = nil }, "daemon", doctor.Failure, "active", "systemctl reload dbus.service"},
		"PID 1 is silent": {func(h *doctor.Host) {
			h.Daemon = nil
			h.Units = func(string) (doctor.Unit, error) { return doctor.Unit{}, errors.New("timeout") }
		}, "daemon", doctor.Failure, "PID 1 does not say why", "systemctl status moded.service"},
		"an old daemon":     {func(h *doctor.Host) { h.Daemon.Version = "1.1" }, "version", doctor.Warning, "moded is 1.1, and this is modectl 1.2", "sudo systemctl restart moded.service"},
		"bad configuration": {func(h *doctor.Host) { h.Config = doctor.Wanted{Trouble: "x.toml:3:1: no"} }, "configuration", doctor.Failure, "x.toml:3:1: no", "modectl config check"},
		"not for our eyes":  {func(h *doctor.Host) { h.Config = doctor.Wanted{Trouble: "no", Denied: true} }, "configuration", doctor.Unknown, "only others may read it", "sudo modectl config check"},
		"a stray file":      {with("etc/moded/moded.d/night.toml.bak", ""), "configuration", doctor.Warning, "/etc/moded/moded.d/night.toml.bak is not read", "sudo mv /etc/moded/moded.d/night.toml.bak /etc/moded/moded.d/night.toml"},
		"a file beside":     {with("etc/moded/night.toml", ""), "configuration", doctor.Warning, "/etc/moded/night.toml is not read", "moded.d/night.toml"},
		"not reloaded":      {func(h *doctor.Host) { h.Daemon.Modes = []string{"desktop"} }, "configuration", doctor.Warning, "other modes than the files", "modectl reload"},
		"warned of":         {func(h *doctor.Host) { h.Config.Warnings = []string{"gpus is empty"} }, "configuration", doctor.Warning, "gpus is empty", "modectl config check"},
		"stuck": {func(h *doctor.Host) {
			h.Daemon.Transition = manager1.Progress{ID: 7, Phase: "stuck", Message: "a login"}
		}, "mode", doctor.Failure, "transition 7 is stuck: a login", "modectl recover"},
		"no mode":             {func(h *doctor.Host) { h.Daemon.Mode = "boot" }, "mode", doctor.Warning, "in no mode", "modectl switch desktop"},
		"degraded":            {func(h *doctor.Host) { h.Daemon.Degraded = []string{"ai.service failed"} }, "mode", doctor.Warning, "ai.service failed", "modectl verify"},
		"drift":               {func(h *doctor.Host) { h.Daemon.Settings[0].Settled = false }, "mode", doctor.Warning, "not as the mode says: gui", "modectl verify"},
		"eyes are off":        {unit("moded-probe.socket", inactive), "services", doctor.Failure, "moded-probe.socket is inactive", "enable --now moded-probe.socket"},
		"masked":              {unit("moded-workload.socket", func(u *doctor.Unit) { u.FileState = "masked" }), "services", doctor.Failure, "masked", "unmask moded-workload.socket"},
		"not for good":        {unit("moded.service", func(u *doctor.Unit) { u.FileState = "disabled" }), "services", doctor.Warning, "not enabled", "enable moded.service"},
		"not reread":          {unit("moded.service", func(u *doctor.Unit) { u.NeedsReload = true }), "services", doctor.Warning, "newer", "daemon-reload"},
		"no PID 1":            {func(h *doctor.Host) { h.Units = nil }, "services", doctor.Unknown, "PID 1 is not on this bus", ""},
		"a unit is missing":   {unit("fstrim.timer", missing), "units", doctor.Failure, "fstrim.timer is not-found, which desktop, compute needs", "when-missing"},
		"left out":            {unit("k3s.service", func(u *doctor.Unit) { u.Load = "not-found" }), "units", doctor.Failure, "k3s.service is not-found, which compute needs", "k3s.service"},
		"edited":              {unit("vllm.service", func(u *doctor.Unit) { u.NeedsReload = true }), "units", doctor.Warning, "vllm.service are newer", "daemon-reload"},
		"no gate":             {with("etc/systemd/system/vllm.service", "[Service]\n"), "gates", doctor.Warning, "vllm.service has no gate, and studio wants it down", "gate.conf /etc/systemd/system/vllm.service.d"},
		"all GPUs for vLLM":   {unit("vllm.service", func(u *doctor.Unit) { u.EnvironmentFiles = nil }), "vllm", doctor.Failure, "does not read /run/moded/env/vllm.service", "systemctl edit vllm.service"},
		"a dash":              {unit("vllm.service", func(u *doctor.Unit) { u.EnvironmentFiles[0] = "-/run/moded/env/vllm.service" }), "vllm", doctor.Failure, "the dash before it", "EnvironmentFile=/run/moded/env/vllm.service"},
		"no display manager":  {unit("display-manager.service", missing), "display", doctor.Warning, "there is no display-manager.service", "gdm3"},
		"a card that is gone": {func(h *doctor.Host) { h.Config.GPUs = append(h.Config.GPUs, "gpu2") }, "gpus", doctor.Failure, "gpu2 is named in the configuration", "nvidia-smi -L"},
		"cards that nobody could see": {func(h *doctor.Host) {
			h.Daemon.Resources.GPUs, h.Daemon.Resources.Parts = nil, []manager1.Part{{Part: "gpus", Unknown: "it took longer than 250ms"}}
		}, "gpus", doctor.Unknown, "which are there is not known: it took longer", ""},
		"no driver": {without("sys/bus/pci/drivers/nvidia/0000:01:00.0/power/control"), "gpus", doctor.Failure, "0000:01:00.0 is NVIDIA's, and has no driver", "nvidia-driver"},
		"nouveau": {func(h *doctor.Host) {
			f := installed()
			delete(f, "sys/bus/pci/drivers/nvidia/0000:01:00.0/power/control")
			f["sys/bus/pci/drivers/nouveau/0000:01:00.0/x"] = ""
			h.On.Root = f.fs()
		}, "gpus", doctor.Warning, "nouveau", "nvidia-driver"},
		"NVML is lost":    {func(h *doctor.Host) { h.Daemon.Resources.Unknown = []string{"gpus: NVML does not answer"} }, "eyes", doctor.Warning, "gpus: NVML does not answer", "journalctl"},
		"no agent at all": {without("usr/lib/systemd/user/moded-agent.service"), "agents", doctor.Failure, "not installed", "make install"},
		"one without agent": {func(h *doctor.Host) {
			h.Daemon.Resources.Audio = []manager1.AudioUser{{User: "ann", State: "unknown", Unknown: "no agent reports"}}
		}, "agents", doctor.Warning, "ann is logged in without an agent: no agent reports", "systemctl --user enable --now moded-agent.service"},
		"another without": {func(h *doctor.Host) {
			h.Daemon.Resources.Audio = []manager1.AudioUser{{User: "bob", State: "unknown"}}
		}, "agents", doctor.Warning, "bob", "sudo systemctl --user --machine=bob@ enable --now moded-agent.service"},
		"people whom nobody could see": {func(h *doctor.Host) {
			h.Daemon.Resources.Audio, h.Daemon.Resources.Parts = nil, []manager1.Part{{Part: "processes", Unknown: "it took longer than 250ms"}}
		}, "agents", doctor.Unknown, "who else plays without one is not known: it took longer", ""},
		"linger":            {with("var/lib/systemd/linger/bob", ""), "linger", doctor.Note, "services of bob", "sudo loginctl disable-linger bob"},
		"no actions":        {without("usr/share/polkit-1/actions/org.modectl.policy"), "polkit", doctor.Failure, "not installed", "make install"},
		"no polkit":         {func(h *doctor.Host) { h.Has = func(string) bool { return false } }, "polkit", doctor.Failure, "not on the bus", "polkitd"},
		"nobody to ask":     {without("usr/bin/pkttyagent"), "polkit", doctor.Warning, "pkttyagent", "polkitd"},
		"no pressure":       {without("proc/pressure/memory"), "kernel", doctor.Warning, "no pressure", "psi=1"},
		"old control group": {without("sys/fs/cgroup/cgroup.controllers"), "kernel", doctor.Failure, "version 2", "unified_cgroup_hierarchy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := healthy(t)
			c.change(&h)
			found := doctor.System(h)
			i := slices.IndexFunc(found, func(f doctor.Finding) bool {
				return f.Check == c.check && f.Level == c.level && strings.Contains(f.Summary, c.says) && strings.Contains(f.Remedy, c.remedy)
			})
			if i < 0 {
				t.Errorf("no %s of %s with %q and %q in\n%+v", c.level, c.check, c.says, c.remedy, found)
			}
		})
	}
}

func inactive(u *doctor.Unit) { u.Active, u.Sub, u.FileState = "inactive", "dead", "disabled" }
func failed(u *doctor.Unit)   { u.Active = "failed" }
func missing(u *doctor.Unit)  { u.Load, u.Active = "not-found", "inactive" }

// moded shuts no gate for a unit of the kind units: one would be of no use.
func TestAUnitThatModedHasNoGateForNeedsNone(t *testing.T) {
	t.Parallel()
	h := healthy(t)
	h.Config.Units = []doctor.WantedUnit{{Name: "indexer.service", Kind: "units", Modes: []string{"studio"}, Down: []string{"studio"}}}
	unit("indexer.service", func(u *doctor.Unit) { u.Fragment = "/etc/systemd/system/vllm.service" })(&h)
	h.On.Root = files{"etc/systemd/system/vllm.service": "[Service]\n"}.fs()
	for _, f := range doctor.System(h) {
		if f.Check == "gates" {
			t.Errorf("%+v", f)
		}
	}
}

// Whatever is missing, nothing panics and every warning says what to do.
func TestAHostThatTellsNothingIsUnknown(t *testing.T) {
	t.Parallel()
	found := doctor.System(doctor.Host{On: doctor.Machine{Root: files{}.fs()}})
	for _, f := range found {
		if f.Remedy == "" && (f.Level == doctor.Warning || f.Level == doctor.Failure) {
			t.Errorf("what is one to do? %+v", f)
		}
	}
	if found[0].Check != "bus" || found[1].Check != "daemon" || found[1].Level != doctor.Failure {
		t.Errorf("first is told %+v", found[:2])
	}
}
