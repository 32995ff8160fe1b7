package nixosmodule_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wrong are modules beside ours, and what NixOS says of them. Each sentence must
// name what is wrong and what to do.
var wrong = map[string]struct{ module, want string }{
	"polkit is off": {
		`security.polkit.enable = false;`,
		"services.moded: security.polkit.enable is false, so that nobody but root could change the mode. Leave it out, or set it to true.",
	},
	"an edge leads to an unknown mode": {
		`services.moded.edges = [ { event = "curtain"; from = "desktop"; to = "movie"; } ];`,
		`services.moded: the edge curtain has to = "movie", which is no mode. Modes are desktop, studio, compute: add modes.movie, or mend the name.`,
	},
	"an edge comes from a mode that is turned off": {
		`services.moded = { modes.studio.enabled = false; edges = [ { event = "out"; from = "studio"; to = "desktop"; } ]; };`,
		`the edge out has from = "studio", which is no mode. Modes are desktop, compute`,
	},
	"an edge asks an unknown guard": {
		`services.moded.edges = [ { event = "enter_studio"; from = "desktop"; to = "studio"; guards = [ "quiet" ]; } ];`,
		"the edge enter_studio asks the guard quiet, which is not in services.moded.guards. Guards are audio-idle",
	},
	"the default mode is unknown": {
		`services.moded.defaultMode = "cinema";`,
		`services.moded: defaultMode = "cinema" is no mode. Modes are desktop, studio, compute.`,
	},
	"a mode gives away an unknown card": {
		`services.moded = { gpus.gpu0.pci = "0000:01:00.0"; modes.compute.gpus.gpu1 = "compute"; };`,
		"services.moded: modes.compute names the GPU gpu1, which services.moded.gpus does not. GPUs are gpu0: add gpus.gpu1.pci or .uuid",
	},
	"a server is given an unknown card": {
		llm + `services.moded.modes.compute.vllm.main.gpus = [ "gpu7" ];`,
		"modes.compute names the GPU gpu7, which services.moded.gpus does not. GPUs are primary, others",
	},
	"tuned has the governor": {
		`services.tuned.enable = true;`,
		`services.moded: services.tuned.enable and moded would both set the CPU governor: modes.studio (the embedded default) has tune = "low-latency". Turn it off (power-profiles-daemon gets along with moded), or say modes.studio.tune = "off" and settings.base.tune = "off".`,
	},
	"auto-cpufreq has the governor": {
		`services.auto-cpufreq.enable = true;`,
		"services.auto-cpufreq.enable and moded would both set the CPU governor",
	},
	"tlp has the governor and a mode of ones own tunes": {
		`services.tlp.enable = true; services.moded.modes.live = { tune = "low-latency"; }; services.moded.modes.studio.tune = "off";`,
		`services.tlp.enable and moded would both set the CPU governor: modes.live has tune`,
	},
	"a vLLM unit is not there": {
		`services.moded.settings.vllm.main = { unit = "llm.service"; url = "http://127.0.0.1:8000"; };`,
		"services.moded: settings.vllm.main cannot be steered: systemd.services has no llm.service with an ExecStart.",
	},
	"a vLLM unit leaves its engine": {
		llm + `systemd.services.llm.serviceConfig.KillMode = "process";`,
		"settings.vllm.main cannot be steered: KillMode=process of llm.service leaves its engine on the cards",
	},
	"a vLLM unit starts without its file": {
		llm + `systemd.services.llm.serviceConfig.EnvironmentFile = [ "-/run/moded/env/llm.service" ];`,
		"settings.vllm.main cannot be steered: EnvironmentFile=-/run/moded/env/llm.service of llm.service begins with a dash",
	},
	"a vLLM unit starts without its file, said in one line": {
		llm + `systemd.services.llm.serviceConfig.EnvironmentFile = "-/run/moded/env/llm.service";`,
		"settings.vllm.main cannot be steered: EnvironmentFile=-/run/moded/env/llm.service of llm.service begins with a dash",
	},
	"a vLLM unit is an instance of no template": {
		`services.moded.settings.vllm.main = { unit = "llm@0.service"; url = "http://127.0.0.1:8000"; };`,
		"settings.vllm.main cannot be steered: systemd.services has no llm@0.service with an ExecStart.",
	},
	"a vLLM unit is a container": {
		`services.moded.settings.vllm.main = { unit = "podman-vllm.service"; url = "http://127.0.0.1:8000"; };`,
		"settings.vllm.main cannot be steered: podman-vllm.service runs a container",
	},
	"k3s is moved and not there": {
		`services.moded.modes.compute.k3s = "full";`,
		`services.moded: modes.compute moves k3s, and services.k3s.enable is false. Enable it, or say k3s = "any".`,
	},
}

// llm is a server that can be steered.
const llm = `services.moded.settings.vllm.main = { unit = "llm.service"; url = "http://127.0.0.1:8000"; };
systemd.services.llm.serviceConfig.ExecStart = "/bin/llm";
`

// module writes a module that imports ours and has a text.
func module(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "machine.nix")
	text = "{ inputs, ... }: { imports = [ inputs.moded.nixosModules.default ({ " + text + " }) ]; services.moded.enable = true; }"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWhatIsWrongIsSaidBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(wrong))
	var list strings.Builder
	for _, name := range names {
		list.WriteString(" (s.machine [ " + module(t, wrong[name].module) + " ]).failed")
	}
	var all [][]string
	if err := evaluate(t, "["+list.String()+" ]", &all); err != nil {
		t.Fatalf("cannot evaluate (is nix-bin installed? make deps): %v", err)
	}
	for i, name := range names {
		if said := all[i]; len(said) != 1 || !strings.Contains(said[0], wrong[name].want) {
			t.Errorf("%s: said %q\nwant %q", name, said, wrong[name].want)
		}
	}
}

// mistyped are caught by the types of the options.
var mistyped = map[string]struct{ module, want string }{
	"a state that there is not":  {`services.moded.modes.studio.audio = "loud";`, "services.moded.modes.studio.audio.state' is not of type"},
	"a quantum between powers":   {`services.moded.modes.studio.audio = { state = "realtime"; quantum = 100; };`, "audio.quantum' is not of type"},
	"a weight out of bounds":     {`services.moded.modes.studio.slices."system.slice".cpu-weight = 0;`, `"system.slice".cpu-weight' is not of type`},
	"a unit without its kind":    {`services.moded.settings.vllm.main = { unit = "vllm"; url = "http://127.0.0.1:8000"; };`, "vllm.main.unit' is not of type"},
	"an address elsewhere":       {`services.moded.settings.vllm.main = { unit = "vllm.service"; url = "http://192.168.1.2:8000"; };`, "vllm.main.url' is not of type"},
	"a time without a unit":      {`services.moded.settings.idle.after = "30";`, "settings.idle.after' is not of type"},
	"half a PCI address":         {`services.moded.gpus.gpu0.pci = "01:00.0";`, "gpus.gpu0.pci' is not of type"},
	"a kind of guard of nobody":  {`services.moded.guards.x.kind = "mood";`, "guards.x.kind' is not of type"},
	"an edge from nowhere":       {`services.moded.edges = [ { event = "x"; to = "desktop"; } ];`, ".from' was accessed but has no value defined"},
	"an applet of no desktop":    {`services.moded.applets = [ "xfce" ];`, `services.moded.applets."[definition 1-entry 1]"' is not of type`},
	"a key of no knob":           {`services.moded.modes.studio.audio.loudness = 11;`, "services.moded.modes.studio.audio.loudness' does not exist"},
	"an option of no module":     {`services.moded.mode = "desktop";`, "services.moded.mode' does not exist"},
	"the same said twice":        {`imports = [ { services.moded.defaultMode = "studio"; } { services.moded.defaultMode = "desktop"; } ];`, "conflicting definition values"},
	"and in settings once again": {`services.moded.defaultMode = "studio"; services.moded.settings.default-mode = "desktop";`, "settings.default-mode' has conflicting definition values"},
}

func TestTypesCatchWhatIsMistyped(t *testing.T) {
	t.Parallel()
	for name, tc := range mistyped {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m machine
			err := evaluate(t, "s.machine [ "+module(t, tc.module)+" ]", &m)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("said %v\nwant %q", err, tc.want)
			}
		})
	}
}

func TestWarningsSayWhatWillSurprise(t *testing.T) {
	t.Parallel()
	m := machineOf(t, module(t, `services.k3s.enable = true; services.moded = { settings.k3s = { }; settings.base.k3s = "any"; modes.compute.k3s = "off"; };`))
	want := `services.moded: modes.compute turns k3s off, which leaves its containers running, on their GPUs. Say settings.k3s.killall = "moded-k3s-off.service".`
	if len(m.Failed) > 0 || len(m.Warnings) != 1 || m.Warnings[0] != want {
		t.Errorf("said %q, %q", m.Failed, m.Warnings)
	}
}

func TestAMachineMayDoWithoutTheGovernorAndWithoutAgents(t *testing.T) {
	t.Parallel()
	m := machineOf(t, module(t, `services.tuned.enable = true; services.moded = { modes.studio.tune = "off"; settings.base.tune = "off"; agents.enable = false; applets = [ "plasma" ]; };`))
	if len(m.Failed) > 0 {
		t.Errorf("complains of %q", m.Failed)
	}
	agent, _ := m.UserServices["moded-agent"].(map[string]any)
	if _, wanted := agent["wantedBy"]; wanted {
		t.Error("the agent is wanted")
	}
	if len(m.SystemPackages) != 2 || m.SystemPackages[1] != "/nix/store/moded-plasma" {
		t.Errorf("installs %q", m.SystemPackages)
	}
}

func TestAGovernorThatIsSetOnceAtBootIsNoRival(t *testing.T) {
	t.Parallel()
	m := machineOf(t, module(t, `powerManagement.cpuFreqGovernor = "powersave";`))
	if len(m.Failed)+len(m.Warnings) > 0 {
		t.Errorf("complains: %q, %q", m.Failed, m.Warnings)
	}
}

func TestAServersOwnUnitKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	// Strings, where the module alone would say lists; and a template for all cards.
	m := machineOf(t, module(t, llm+`
		systemd.services.llm.serviceConfig = { EnvironmentFile = "/run/secrets/token"; KillMode = "control-group"; };
		systemd.services.llm.unitConfig.ConditionPathExists = "/srv/models";
		services.moded.settings.vllm.other = { unit = "llm@1.service"; url = "http://127.0.0.1:8001"; };
		systemd.services."llm@".serviceConfig.ExecStart = "/bin/llm %i";`))
	if len(m.Failed)+len(m.Warnings) > 0 {
		t.Errorf("complains: %q, %q", m.Failed, m.Warnings)
	}
	said, ok := m.Services["llm"].(map[string]any)["serviceConfig"].(map[string]any)
	if !ok || said["EnvironmentFile"] != "/run/secrets/token" || said["KillMode"] != "control-group" {
		t.Errorf("says %v", said)
	}
	for _, unit := range []string{"llm.service", "llm@1.service"} {
		text := m.DropIns["lib/systemd/system/"+unit+".d/50-moded-steered.conf"]
		for _, line := range []string{"\nEnvironmentFile=/run/moded/env/%n\n", "\nConditionPathExists=!/run/moded/deny/%n\n"} {
			if !strings.Contains(text, line) {
				t.Errorf("the drop-in of %s has no %q:\n%s", unit, line, text)
			}
		}
	}
	if _, hides := m.Services["llm@1"]; hides {
		t.Error("options of the instance hide its template")
	}
}

func TestWhatIsOffChangesNothing(t *testing.T) {
	t.Parallel()
	var n int
	if err := evaluate(t, "let c = (s.evaluate [ ../nixos-module ]).config; in builtins.length (c.systemd.packages ++ c.environment.systemPackages ++ c.assertions ++ builtins.attrNames c.systemd.services ++ builtins.attrNames c.environment.etc)", &n); err != nil || n != 0 {
		t.Errorf("%d things are there: %v", n, err)
	}
}
