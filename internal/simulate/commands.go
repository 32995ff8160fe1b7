package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// usage lists the commands.
const usage = `take start|stop · play start|stop · gpu hold GPU [PROGRAM] · gpu release GPU · load N · ` +
	`login USER [ssh|tty] · logout SESSION · ` + usageHands + ` · ` + usageWork + ` · hang|fail [once] OPERATION · heal · shutdown on|off · boot · state`

// Command carries out one command, as it comes over the control socket, and
// returns a line that says what happened.
func (m *Machine) Command(line string) (string, error) {
	word := strings.Fields(line)
	if len(word) == 0 || word[0] == "help" {
		return "commands: " + usage + " · operations: " + strings.Join(Verbs(), ", "), nil
	}
	if word[0] == "boot" {
		return "a fresh machine; restart moded", m.Boot()
	}
	command, ok := commands[word[0]]
	if !ok {
		return "", fmt.Errorf("no such command %q; there are: %s", word[0], usage)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.advanceLocked(); err != nil {
		return "", err
	}
	reply, err := command(m, word[1:])
	if err != nil {
		return "", err
	}
	return reply, m.commitLocked()
}

// commands is what one can say to the machine. They are called with the lock.
var commands = map[string]func(m *Machine, args []string) (string, error){
	"take":   (*Machine).takeLocked,
	"play":   (*Machine).playLocked,
	"gpu":    (*Machine).gpuLocked,
	"load":   (*Machine).loadLocked,
	"login":  (*Machine).loginLocked,
	"logout": (*Machine).logoutLocked,
	"idle": func(m *Machine, args []string) (string, error) {
		return m.sessionLocked("idle", args, func(s *facts.Session) { s.Idle, s.IdleSince = true, time.Now() })
	},
	"active": func(m *Machine, args []string) (string, error) {
		return m.sessionLocked("active", args, func(s *facts.Session) { s.Idle, s.IdleSince = false, time.Time{} })
	},
	"lock": func(m *Machine, args []string) (string, error) {
		return m.sessionLocked("lock", args, func(s *facts.Session) { s.Locked = true })
	},
	"unlock": func(m *Machine, args []string) (string, error) {
		return m.sessionLocked("unlock", args, func(s *facts.Session) { s.Locked = false })
	},
	"pipewire": (*Machine).pipewireLocked,
	"pressure": func(m *Machine, args []string) (string, error) {
		return onOff(&m.world.Short, true, "pressure", args)
	},
	"unit":    (*Machine).byHandLocked,
	"build":   (*Machine).buildLocked,
	"job":     (*Machine).jobLocked,
	"apt":     (*Machine).aptLocked,
	"inhibit": (*Machine).inhibitLocked,
	"web": func(m *Machine, args []string) (string, error) {
		return onOff(&m.world.Work.WebOff, false, "web", args)
	},
	"requests": (*Machine).requestsLocked,
	"engine":   (*Machine).engineLocked,
	"pod":      (*Machine).podLocked,
	"cordon": func(m *Machine, args []string) (string, error) {
		m.world.Work.Node.Ours = false
		return onOff(&m.world.Work.Node.Cordoned, true, "cordon", args)
	},
	"budget":   (*Machine).budgetLocked,
	"power":    (*Machine).powerLocked,
	"hang":     func(m *Machine, args []string) (string, error) { return m.faultLocked("hang", args) },
	"fail":     func(m *Machine, args []string) (string, error) { return m.faultLocked("fail", args) },
	"heal":     func(m *Machine, _ []string) (string, error) { m.healLocked(); return "healed", nil },
	"shutdown": (*Machine).shutdownLocked,
	"state":    (*Machine).stateLocked,
}

func (m *Machine) takeLocked(args []string) (string, error) {
	return m.soundLocked(args, "REAPER", facts.AudioNode{Class: "recording", API: "jack", Binary: "reaper"})
}

func (m *Machine) playLocked(args []string) (string, error) {
	return m.soundLocked(args, "Firefox", facts.AudioNode{Class: "media", API: "pipewire-pulse", Binary: "firefox"})
}

// soundLocked starts or stops the node of a program of whoever has it open.
func (m *Machine) soundLocked(args []string, client string, node facts.AudioNode) (string, error) {
	u := m.musician(node.Binary)
	if u == nil || !u.sounds() {
		return "", fmt.Errorf("nobody has %s and sound; say: login dev", client)
	}
	mine := func(n facts.AudioNode) bool { return n.Client == client }
	switch strings.Join(args, " ") {
	case "start":
		node.Client, node.PID, node.State = client, m.world.pidOf(u, node.Binary), "running"
		u.Audio.Nodes = append(slices.DeleteFunc(u.Audio.Nodes, mine), node)
		return client + " is " + map[string]string{"recording": "recording", "media": "playing"}[node.Class], nil
	case "stop":
		u.Audio.Nodes = slices.DeleteFunc(u.Audio.Nodes, mine)
		return client + " has stopped", nil
	}
	return "", fmt.Errorf("say start or stop")
}

func (m *Machine) musician(comm string) *user {
	for _, u := range m.world.Users {
		if m.world.pidOf(u, comm) != 0 {
			return u
		}
	}
	return nil
}

// gpuLocked lets a program that nobody manages open a GPU for computing, or
// ends it.
func (m *Machine) gpuLocked(args []string) (string, error) {
	if len(args) < 2 || len(args) > 3 {
		return "", fmt.Errorf("say gpu hold GPU [PROGRAM] or gpu release GPU")
	}
	place := slices.IndexFunc([]int{0, 1}, func(i int) bool { return gpuName(i) == args[1] })
	if place < 0 {
		return "", fmt.Errorf("no such GPU %q; there are gpu0 and gpu1", args[1])
	}
	g := &m.world.GPUs[place]
	switch args[0] {
	case "hold":
		comm := "blender"
		if len(args) == 3 {
			comm = args[2]
		}
		return m.strangerLocked(g, args[1], comm)
	case "release":
		m.releaseLocked(func(p facts.Process) bool {
			return p.Unit == stranger && slices.ContainsFunc(g.Holders, func(h facts.Holder) bool { return h.PID == p.PID })
		})
		return args[1] + " is being released", nil
	}
	return "", fmt.Errorf("say gpu hold or gpu release")
}

// stranger is the unit of programs that no mode manages.
const stranger = "render-farm.service"

func (m *Machine) strangerLocked(g *facts.GPU, name, comm string) (string, error) {
	pid := m.world.pid()
	m.world.Processes = append(m.world.Processes, facts.Process{PID: pid, Comm: comm, Exe: comm, UID: guestID, User: "guest", Unit: stranger})
	m.world.hold(g.PCI, facts.Holder{PID: pid, Comm: comm, Compute: true, BusyPercent: 61})
	return fmt.Sprintf("%s (%d) of guest computes on %s", comm, pid, name), nil
}

func (m *Machine) loadLocked(args []string) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("say load N")
	}
	n, err := strconv.ParseFloat(args[0], 64)
	if err != nil || !(n >= 0 && n <= 10000) { // NaN is neither
		return "", fmt.Errorf("%q is no load average", args[0])
	}
	m.world.Load.Load1, m.world.Load.Load5, m.world.Load.Load15 = n, n, n
	return fmt.Sprintf("load averages are %g on %d CPUs", n, m.world.Load.CPUs), nil
}

// loginLocked opens a session: at the greeter when there is one, at a console
// when the display manager is off, or from afar.
func (m *Machine) loginLocked(args []string) (string, error) {
	if len(args) < 1 || len(args) > 2 {
		return "", fmt.Errorf("say login USER [ssh|tty]")
	}
	u := m.world.user(args[0])
	if u == nil {
		return "", fmt.Errorf("no such user %q; there are dev and guest", args[0])
	}
	kind, where := "tty", seat
	switch {
	case len(args) == 2 && args[1] == "ssh":
		where = ""
	case len(args) == 2 && args[1] != "tty":
		return "", fmt.Errorf("%q is no way to log in; there are ssh and tty", args[1])
	case len(args) == 1 && m.world.Units[displayDM].Active == "active":
		kind = "wayland"
		m.endGreetersLocked()
	}
	s := m.world.logIn(u, kind, where)
	m.obeyLocked(u)
	return fmt.Sprintf("%s has session %s (%s)", u.Name, s.ID, s.Type), nil
}

func (m *Machine) logoutLocked(args []string) (string, error) {
	if len(args) != 1 || m.world.session(args[0]) < 0 {
		return "", fmt.Errorf("say logout SESSION, one of those of state")
	}
	m.world.Sessions[m.world.session(args[0])].State = "closing"
	m.beginLocked(event{Verb: sessionEnd, Name: args[0]})
	return "session " + args[0] + " is closing", nil
}

func (m *Machine) faultLocked(what string, args []string) (string, error) {
	f := fault{Hangs: what == "hang"}
	if len(args) > 0 && args[0] == "once" {
		f.Once, args = true, args[1:]
	}
	f.Pattern = strings.Join(args, " ")
	if !slices.ContainsFunc(Verbs(), func(v string) bool { return sameVerb(v, args) }) {
		return "", fmt.Errorf("%q is no operation; there are: %s", f.Pattern, strings.Join(Verbs(), ", "))
	}
	m.world.Faults = append(m.world.Faults, f)
	return fmt.Sprintf("%q will %s", f.Pattern, what), nil
}

// sameVerb tells whether args are the operation of that form, "unit start UNIT".
func sameVerb(form string, args []string) bool {
	want := strings.Fields(form)
	return len(want) == len(args) && slices.Equal(want[:len(want)-1], args[:len(args)-1])
}

func (m *Machine) shutdownLocked(args []string) (string, error) {
	if len(args) != 1 || args[0] != "on" && args[0] != "off" {
		return "", fmt.Errorf("say shutdown on or shutdown off")
	}
	m.world.Stopping = args[0] == "on"
	return "shutting down: " + args[0], nil
}

func (m *Machine) stateLocked([]string) (string, error) {
	raw, err := json.Marshal(m.world)
	if err != nil {
		return "", fmt.Errorf("cannot encode state: %w", err)
	}
	return string(raw), nil
}
