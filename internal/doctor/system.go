package doctor

import (
	"github.com/modectl/moded/dbus/manager1"
)

// Host is all that System looks at. What nobody tells is nil, and unknown.
type Host struct {
	// On is the machine; its root shows more to root than to others.
	On Machine
	// Version is that of the program that asks.
	Version string
	// NoBus says why the bus cannot be reached.
	NoBus error
	// Daemon is what moded says; nil while nobody has its name.
	Daemon *Daemon
	// Units asks PID 1; nil when it is not on the bus.
	Units func(name string) (Unit, error)
	// Has tells whether a name has an owner on the bus, or would get one.
	Has func(name string) bool
	// Config is what the configuration wants.
	Config Wanted
}

// Daemon is what moded says of itself and of the machine.
type Daemon struct {
	manager1.Properties
	Settings  []manager1.Setting
	Resources *manager1.Resources // nil: not answered
}

// Unit is one of PID 1's.
type Unit struct {
	// ID is the real name of an alias.
	ID                           string
	Load, Active, Sub, FileState string
	Fragment                     string
	DropIns, EnvironmentFiles    []string
	NeedsReload                  bool
}

func (u Unit) there() bool { return u.Load == "loaded" }

// host is a Host while it is looked at, with what was found.
type host struct {
	Host
	patient
	found []Finding
	check string
}

// systemChecks are in the order in which they are told: what all else needs first.
var systemChecks = []struct {
	name string
	look func(h *host)
}{
	{"bus", (*host).checkBus},
	{"daemon", (*host).checkDaemon},
	{"version", (*host).checkVersion},
	{"configuration", (*host).checkConfiguration},
	{"mode", (*host).checkMode},
	{"services", (*host).checkServices},
	{"units", (*host).checkUnits},
	{"gates", (*host).checkGates},
	{"vllm", (*host).checkVLLM},
	{"display", (*host).checkDisplay},
	{"gpus", (*host).checkGPUs},
	{"eyes", (*host).checkEyes},
	{"agents", (*host).checkAgents},
	{"linger", (*host).checkLinger},
	{"polkit", (*host).checkPolkit},
	{"kernel", (*host).checkPressure},
}

// System says what keeps moded from doing on a host what its configuration wants.
func System(of Host) []Finding {
	h := &host{Host: of, patient: patient{Machine: of.On}}
	for _, c := range systemChecks {
		h.check = c.name
		c.look(h)
	}
	return h.found
}

// tell adds a finding of the present check.
func (h *host) tell(f Finding) {
	f.Check = h.check
	h.found = append(h.found, f)
}

// wrong is a finding with what comes of it and the command that mends it.
func (h *host) wrong(level Level, summary, why, remedy string) {
	h.tell(Finding{Level: level, Summary: summary, Why: why, Remedy: remedy, At: Now})
}

// fineIf tells that all is well, unless this check has found something.
func (h *host) fineIf(format string, args ...any) {
	if n := len(h.found); n == 0 || h.found[n-1].Check != h.check {
		h.tell(fine(format, args...))
	}
}

// asRoot is a command as people type it.
func (h *host) asRoot(command string) string {
	if h.Super {
		return command
	}
	return "sudo " + command
}

// anew lays moded's files down, where no package did.
func (h *host) anew() string {
	if h.onNixOS() {
		return h.mend("", nixModule)
	}
	return "install moded anew (in its source: " + h.asRoot("make install") + ")"
}

// install lays moded's files down, and has PID 1 read them.
func (h *host) install() string {
	if h.onNixOS() {
		return h.anew()
	}
	return h.anew() + ", then " + h.asRoot("systemctl daemon-reload")
}
