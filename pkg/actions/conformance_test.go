package actions_test

import (
	"testing"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/fsm/fsmtest"
)

// workstation is the machine of these tests: a display manager behind an alias
// with dev's desktop, an AI server, three targets, a GPU, an agent.
func workstation() *actionstest.Machine {
	m := actionstest.New()
	m.Aliases["display-manager.service"] = "gdm.service"
	m.Add("gdm.service", "notify", "active").Gated = true
	m.Add("graphical.target", "", "active")
	ai := m.Add("ai.service", "simple", "inactive")
	ai.EnvironmentFiles = []string{actionstest.EnvDir + "/ai.service"}
	m.Add("fstrim.timer", "", "active")
	m.Add("moded-desktop.target", "", "active").Members = []string{"sync.service", "shared.service"}
	m.Add("moded-studio.target", "", "inactive").Members = []string{"lights.service", "shared.service"}
	m.Add("moded-compute.target", "", "inactive")
	m.Add("sync.service", "simple", "active")
	m.Add("shared.service", "simple", "active")
	m.Add("lights.service", "notify", "inactive")
	m.Add("moded-tune.service", "notify", "inactive")
	m.Add("moded-gpu.service", "oneshot", "inactive")
	m.Add("backup.service", "oneshot", "inactive")
	m.Add("mount-scratch.service", "oneshot", "inactive").RemainAfterExit = true
	weight, high, cpus := uint64(100), actions.Unset, ""
	m.Limits["system.slice"] = actions.Limits{CPUWeight: &weight, MemoryHigh: &high, AllowedCPUs: &cpus}
	logIn(m, dev)
	return m
}

var dev = fsm.Session{ID: "3", UID: 1000, User: "dev", Seat: "seat0", Class: "user", Type: "wayland", Scope: "session-3.scope"}

func logIn(m *actionstest.Machine, s fsm.Session) {
	m.Sessions = append(m.Sessions, s)
	m.Add(s.Scope, "", "active")
	m.Add("user@1000.service", "notify", "active")
	m.Audio[s.UID] = `{"state":"on"}`
	m.Desktop[s.UID] = true
	m.GPUs = append(m.GPUs, actions.Device{PCI: "0000:01:00.0", UUID: "GPU-1", Connected: true, Holders: []actions.DeviceHolder{
		{PID: 1234, Comm: "weston", UID: s.UID, User: s.User, Unit: s.Scope, Session: s.ID, Graphics: true},
	}})
}

const (
	guiOn   = `{"state":"on","units":["display-manager.service","graphical.target"]}`
	guiOff  = `{"state":"off","units":["display-manager.service","graphical.target"]}`
	aiOn    = `{"state":"active","environment":{"GPUS":"0,1"},"ready":"http://127.0.0.1:8000/health"}`
	studio  = `{"target":"moded-studio.target","others":["moded-compute.target","moded-desktop.target"]}`
	compute = `{"target":"moded-compute.target","others":["moded-desktop.target","moded-studio.target"]}`
)

func TestEveryActionConforms(t *testing.T) {
	t.Parallel()
	guiOffDev := fsm.NewValue(map[string]any{"state": "off",
		"units": []string{"display-manager.service", "graphical.target"}, "sessions": []fsm.Session{dev}})
	for name, test := range map[string]struct {
		kind, key string
		want      fsm.Value
		prepare   func(m *actionstest.Machine)
	}{
		"gui that ends a session":    {kind: "gui", want: guiOffDev, prepare: func(m *actionstest.Machine) { clear(m.Audio) }},
		"gui that is off already":    {kind: "gui", want: guiOff, prepare: headless},
		"gui that comes back":        {kind: "gui", want: guiOn, prepare: headless},
		"gui that is on already":     {kind: "gui", want: guiOn},
		"gui that opens a session":   {kind: "gui", want: guiOn, prepare: autologin},
		"unit that starts":           {kind: "units", key: "ai.service", want: aiOn},
		"unit that runs otherwise":   {kind: "units", key: "ai.service", want: aiOn, prepare: aiRuns},
		"unit that runs, says none":  {kind: "units", key: "ai.service", want: `{"state":"active"}`, prepare: aiRuns},
		"unit that stops":            {kind: "units", key: "ai.service", want: `{"state":"inactive"}`, prepare: aiRuns},
		"unit that is not there":     {kind: "units", key: "nope.service", want: `{"state":"inactive"}`},
		"timer that stops":           {kind: "units", key: "fstrim.timer", want: `{"state":"inactive"}`},
		"target that is entered":     {kind: "target", want: studio},
		"target without members":     {kind: "target", want: compute},
		"target that is isolated":    {kind: "target", want: isolated, prepare: isolable},
		"targets that are left":      {kind: "target", want: `{"target":"","others":["moded-desktop.target"],"next":"moded-studio.target"}`},
		"slice":                      {kind: "slices", key: "system.slice", want: `{"cpu-weight":20,"memory-high":1073741824,"allowed-cpus":"2-3,5"}`},
		"slice of users":             {kind: "user-slices", key: "background.slice", want: `{"cpu-weight":20,"memory-high":18446744073709551615}`},
		"slice of users again":       {kind: "user-slices", key: "background.slice", want: `{"cpu-weight":20}`, prepare: ordered},
		"slice of nobody":            {kind: "user-slices", key: "background.slice", want: `{"io-weight":20}`, prepare: headless},
		"audio off":                  {kind: "audio", want: `{"state":"off"}`},
		"audio in real time":         {kind: "audio", want: `{"state":"realtime","quantum":64,"rate":48000}`},
		"audio on again":             {kind: "audio", want: `{"state":"on"}`, prepare: func(m *actionstest.Machine) { m.Orders["audio"] = `{"state":"off"}`; m.Audio[1000] = `{"state":"off"}` }},
		"barrier at a free GPU":      {kind: "gpus", key: "gpu0", want: `{"owner":"nobody","pci":"0000:01:00.0"}`, prepare: headless},
		"GPU of the display":         {kind: "gpus", key: "primary", want: `{"owner":"display","auto":"primary"}`},
		"GPUs beside it, of which 0": {kind: "gpus", key: "others", want: `{"owner":"compute","auto":"others"}`},
		"GPU with settings":          {kind: "gpus", key: "gpu0", want: `{"owner":"none","pci":"0000:01:00.0","compute-mode":"prohibited","power-limit":"250W","persistence":true}`, prepare: card},
		"GPU with some settings":     {kind: "gpus", key: "gpu0", want: `{"owner":"any","uuid":"GPU-1","power-limit":"250W","compute-mode":"default"}`, prepare: card},
		"GPU with its own settings":  {kind: "gpus", key: "gpu0", want: `{"owner":"none","pci":"0000:01:00.0","compute-mode":"default","power-limit":"default","persistence":false,"mig":["off"]}`, prepare: card},
		"GPU that is partitioned":    {kind: "gpus", key: "gpu0", want: `{"owner":"compute","pci":"0000:01:00.0","mig":["3g.20gb","1g.5gb","1g.5gb"]}`, prepare: card},
		"GPU that is made whole":     {kind: "gpus", key: "gpu0", want: `{"owner":"compute","pci":"0000:01:00.0","mig":["off"],"compute-mode":"default"}`, prepare: parted},
		"GPU that has no such knobs": {kind: "gpus", key: "gpu0", want: `{"owner":"none","pci":"0000:01:00.0","compute-mode":"default","power-limit":"default","persistence":false,"mig":["off"]}`, prepare: headless},
		"tuning that begins":         {kind: "tune", want: `{"state":"low-latency"}`},
		"tuning that ends":           {kind: "tune", want: `{"state":"off"}`, prepare: func(m *actionstest.Machine) { m.Units["moded-tune.service"].Active = "active" }},
		"tuning of nobody ends":      {kind: "tune", want: `{"state":"off"}`, prepare: func(m *actionstest.Machine) { delete(m.Units, "moded-tune.service") }},
		"server that starts":         {kind: "vllm", key: "main", want: vllmBoth, prepare: serves},
		"server that is given more":  {kind: "vllm", key: "main", want: vllmBoth, prepare: servesOne},
		"server that is right":       {kind: "vllm", key: "main", want: vllmOne, prepare: servesOne},
		"server behind a shut gate":  {kind: "vllm", key: "main", want: vllmBoth, prepare: func(m *actionstest.Machine) { serves(m); m.Denied["vllm.service"] = true }},
		"server that stops":          {kind: "vllm", key: "main", want: vllmOff, prepare: servesOne},
		"server that pauses, stops":  {kind: "vllm", key: "main", want: vllmOff, prepare: func(m *actionstest.Machine) { servesOne(m); m.Units["vllm.service"].Server.Pauses = true }},
		"server that must be killed": {kind: "vllm", key: "main", want: vllmOff, prepare: func(m *actionstest.Machine) { servesOne(m); m.Units["vllm.service"].Server.Leaves = true }},
		"server that is deaf":        {kind: "vllm", key: "main", want: vllmOff, prepare: func(m *actionstest.Machine) { servesOne(m); m.Units["vllm.service"].Server.Deaf = true }},
		"server that is off already": {kind: "vllm", key: "main", want: vllmOff, prepare: serves},
		"server that is not there":   {kind: "vllm", key: "main", want: vllmOff},
		"gate that opens":            {kind: "gate", key: "display-manager.service", want: `{"state":"open"}`, prepare: headless},
		"gate that is open":          {kind: "gate", key: "ai.service", want: `{"state":"open"}`},
		"hook that stays":            {kind: "hook", key: "mount-scratch.service", want: `{}`},
		"hook that runs and ends":    {kind: "hook", key: "backup.service", want: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsmtest.Conformance(t, func() fsmtest.Subject {
				m := workstation()
				if test.prepare != nil {
					test.prepare(m)
				}
				return fsmtest.Subject{Action: actions.New(m.Hands())[test.kind], Key: test.key, Want: test.want,
					Machine: m.String, Effects: m.Effects, Break: m.Break}
			})
		})
	}
}

// ordered is the machine with another order for a slice of the users.
func ordered(m *actionstest.Machine) {
	m.Orders["slices/background.slice"] = `{"cpu-weight":30}`
	m.Slices[1000] = map[string]fsm.Value{"background.slice": `{"cpu-weight":30}`}
}

// headless is the machine after the GUI was ended.
func headless(m *actionstest.Machine) {
	m.Sessions = nil
	m.GPUs[0].Holders = nil
	for _, name := range []string{"gdm.service", "graphical.target"} {
		m.Units[name].Active = "inactive"
		m.Denied[name] = true
	}
	for _, name := range []string{"session-3.scope", "user@1000.service"} {
		m.Units[name].Active = "inactive"
	}
	clear(m.Audio)
}

// card is a headless machine with a GPU that has every knob.
func card(m *actionstest.Machine) {
	headless(m)
	off := false
	m.Cards["0000:01:00.0"] = &actionstest.Card{GPUState: actions.GPUState{
		ComputeMode: "default", PowerLimit: 300_000, PowerDefault: 300_000, PowerMin: 100_000, PowerMax: 350_000, Persistence: &off,
		MIG: "off", MIGPending: "off", Profiles: []string{"1g.5gb", "2g.10gb", "3g.20gb"},
	}}
}

// parted is one with a GPU in two parts.
func parted(m *actionstest.Machine) {
	card(m)
	c := m.Cards["0000:01:00.0"]
	c.MIG, c.MIGPending, c.Parts = "on", "on", []string{"1g.5gb", "3g.20gb"}
}

// autologin is a headless machine whose display manager is dev's desktop.
func autologin(m *actionstest.Machine) {
	headless(m)
	gdm := m.Units["gdm.service"]
	gdm.MainPID, gdm.Opens = 77, &fsm.Session{ID: "c1", UID: 1000, User: "dev", Class: "user", Type: "wayland"}
	m.Leaders["c1"] = 77
}

func aiRuns(m *actionstest.Machine) {
	m.Env["ai.service"] = "GPUS=\"1\"\n"
	m.Units["ai.service"].Active = "active"
	m.Units["ai.service"].Read = m.Env["ai.service"]
}
