package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/doctor"
)

// pid1 is a service manager that knows a few units, by the path of their object.
type pid1 map[string]map[string]dbus.Variant

const unitPath = "/org/freedesktop/systemd1/unit/"

func (p pid1) GetAll(message dbus.Message, iface string) (map[string]dbus.Variant, *dbus.Error) {
	path, _ := message.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	props, ok := p[string(path)[len(unitPath):]+" "+iface[len("org.freedesktop.systemd1."):]]
	if !ok {
		return map[string]dbus.Variant{"Id": dbus.MakeVariant("x"), "LoadState": dbus.MakeVariant("not-found"), "ActiveState": dbus.MakeVariant("inactive")}, nil
	}
	return props, nil
}

func (p pid1) add(name, path string, fields map[string]any) {
	props := map[string]dbus.Variant{"Id": dbus.MakeVariant(name), "LoadState": dbus.MakeVariant("loaded"),
		"ActiveState": dbus.MakeVariant("active"), "SubState": dbus.MakeVariant("running"), "UnitFileState": dbus.MakeVariant("enabled")}
	for key, value := range fields {
		props[key] = dbus.MakeVariant(value)
	}
	p[path+" Unit"] = props
}

// serve has the name of PID 1, and polkit's.
func (p pid1) serve(t *testing.T, address string) {
	t.Helper()
	conn := manager1test.Connect(t, address)
	if err := conn.ExportSubtree(p, "/org/freedesktop/systemd1/unit", "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"org.freedesktop.systemd1", "org.freedesktop.PolicyKit1"} {
		if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
	}
}

type environmentFile struct {
	Path     string
	Optional bool
}

func workstationUnits() pid1 {
	p := pid1{}
	p.add("moded.service", "moded_2eservice", nil)
	p.add("moded-probe.socket", "moded_2dprobe_2esocket", map[string]any{"SubState": "listening"})
	p.add("moded-workload.socket", "moded_2dworkload_2esocket", map[string]any{"UnitFileState": "disabled"})
	p.add("gdm.service", "display_2dmanager_2eservice", map[string]any{"DropInPaths": []string{"/etc/systemd/system/gdm.service.d/50-moded-gate.conf"}})
	p.add("graphical.target", "graphical_2etarget", nil)
	for _, mode := range []string{"desktop", "studio", "compute"} {
		p.add("moded-"+mode+".target", "moded_2d"+mode+"_2etarget", nil)
	}
	p.add("fstrim.timer", "fstrim_2etimer", nil)
	p.add("vllm.service", "vllm_2eservice", map[string]any{"ActiveState": "inactive", "NeedDaemonReload": true, "FragmentPath": "/etc/systemd/system/vllm.service"})
	p["vllm_2eservice Service"] = map[string]dbus.Variant{"EnvironmentFiles": dbus.MakeVariant([]environmentFile{{"/run/moded/env/vllm.service", true}})}
	return p
}

// tree is a directory that stands for / on a machine that moded is installed on.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"usr/share/dbus-1/system.d/org.modectl.Manager1.conf": "",
		"usr/share/polkit-1/actions/org.modectl.policy":       "",
		"usr/lib/systemd/user/moded-agent.service":            "",
		"usr/bin/pkttyagent":                                  "",
		"etc/systemd/system/gdm.service.d/50-moded-gate.conf": "[Unit]\nConditionPathExists=!/run/moded/deny/%n\n",
		"etc/systemd/system/vllm.service":                     "[Service]\nEnvironmentFile=-/run/moded/env/vllm.service\n",
		"proc/pressure/memory":                                "some avg10=0.00\n",
		"sys/fs/cgroup/cgroup.controllers":                    "cpu\n",
	} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func examined() *manager1test.Daemon {
	d := machine()
	d.Properties.Version = "0.9"
	d.Settings = []manager1.Setting{{Kind: "gui", Want: "on", Have: "on", Settled: true}}
	d.Resources = manager1.Resources{GPUs: []manager1.GPU{{GPU: "gpu0"}},
		Audio:   []manager1.AudioUser{{User: "ann", State: "unknown", Unknown: "PipeWire runs and no moded-agent reports of it"}, {User: "bob", Agent: true}},
		Unknown: []string{"workload: nobody listens"}}
	return d
}

func TestTheDoctorAsksTheDaemonAndPID1(t *testing.T) {
	t.Parallel()
	for _, s := range []scene{
		{name: "doctor", daemon: examined},
		{name: "doctor on a narrow terminal", daemon: examined, tty: true, width: 40, env: map[string]string{"NO_COLOR": "1"}},
		{name: "doctor without a daemon"},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			root := tree(t)
			s.args, s.also = "doctor --config ../../examples/workstation.toml --root "+root, workstationUnits().serve
			r := play(t, s)
			s.args = "doctor --config ../../examples/workstation.toml --root DIR"
			golden(t, s, r)
		})
	}
}

func TestALookThatCameTooLateIsTakenAgain(t *testing.T) {
	t.Parallel()
	d := examined()
	d.Resources.Unknown = nil
	d.Looks = []manager1.Resources{{Parts: []manager1.Part{{Part: "gpus", Unknown: "it took longer than 250ms"}}, Unknown: []string{"gpus: it took longer than 250ms"}}}
	r := play(t, scene{args: "doctor --root " + tree(t), daemon: func() *manager1test.Daemon { return d }})
	if strings.Contains(r.stdout, "it took longer") || !strings.Contains(r.stdout, "moded sees all that it looks for") {
		t.Errorf("the doctor says\n%s", r.stdout)
	}
}

func TestTheDoctorsJSONHasALevelForEachFinding(t *testing.T) {
	t.Parallel()
	r := play(t, scene{args: "doctor --json --root " + tree(t)})
	var report doctor.Report
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != 1 || report.Count(doctor.Failure) == 0 || report.Count(doctor.Fine) == 0 {
		t.Errorf("%v, exit code %d: %s", err, r.code, r.stdout)
	}
}
