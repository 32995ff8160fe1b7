package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// usageWork lists the commands about what is under way.
const usageWork = `build start|stop · job start PROGRAM [CPU] · job stop PROGRAM · apt start|stop · ` +
	`inhibit start WHO [WHY] · inhibit stop WHO · web on|off · requests RUNNING [WAITING [SECONDS]] · engine UNIT leave|end · ` +
	`pod start NAME [GPUS] · pod stop NAME · cordon on|off · budget POD on|off · power mains [PERCENT] · power battery PERCENT`

// terminal is the unit of what dev runs in a terminal.
const terminal = "app-gnome-terminal.scope"

// buildLocked lets dev wait for make in a terminal, with a compiler at work.
func (m *Machine) buildLocked(args []string) (string, error) {
	builders := []string{"make", "cc1plus"}
	switch strings.Join(args, " ") {
	case "start":
		if err := m.workLocked("make", facts.Job{CPUPercent: 2, Build: "driver", Foreground: true, TTY: "pts/1"}); err != nil {
			return "", err
		}
		return "dev builds with make on pts/1", m.workLocked("cc1plus", facts.Job{CPUPercent: 99, Build: "compiler", TTY: "pts/1"})
	case "stop":
		m.idleLocked(func(j job) bool { return slices.Contains(builders, j.Comm) })
		return "the build has ended", nil
	}
	return "", fmt.Errorf("say build start or build stop")
}

func (m *Machine) jobLocked(args []string) (string, error) {
	switch {
	case len(args) == 2 && args[0] == "stop":
		m.idleLocked(func(j job) bool { return j.Comm == facts.Clean(args[1]) })
		return args[1] + " has ended", nil
	case len(args) < 2 || len(args) > 3 || args[0] != "start":
		return "", fmt.Errorf("say job start PROGRAM [CPU] or job stop PROGRAM")
	}
	percent := 100
	if len(args) == 3 {
		var err error
		if percent, err = number(args[2], 100000); err != nil {
			return "", err
		}
	}
	comm := facts.Clean(args[1])
	return fmt.Sprintf("dev runs %s, which uses %d %% of a CPU", comm, percent), m.workLocked(comm, facts.Job{CPUPercent: percent})
}

// number reads a whole number from 0 to most.
func number(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is no number from 0 to %d", text, most)
	}
	return n, nil
}

// workLocked starts a program of dev that is at work from now on.
func (m *Machine) workLocked(comm string, j facts.Job) error {
	u := m.world.user("dev")
	if !u.Manager {
		return fmt.Errorf("dev is not there; say: login dev")
	}
	pid := m.world.spawn(u, comm, terminal)
	last := len(m.world.Processes) - 1
	m.world.Processes[last].Slice, m.world.Processes[last].UserSlice = "user.slice", "app.slice"
	j.Process = m.world.Processes[last]
	m.world.Work.Jobs = append(slices.DeleteFunc(m.world.Work.Jobs, func(o job) bool { return !m.world.lives(o.PID) || o.PID == pid }),
		job{j, m.nowLocked()})
	return nil
}

// idleLocked ends jobs.
func (m *Machine) idleLocked(which func(job) bool) {
	var dead []uint32
	for _, j := range m.world.Work.Jobs {
		if which(j) {
			dead = append(dead, j.PID)
		}
	}
	m.world.Work.Jobs = slices.DeleteFunc(m.world.Work.Jobs, which)
	m.releaseLocked(func(p facts.Process) bool { return slices.Contains(dead, p.PID) })
}

// aptLocked lets the system's upgrade hold apt's lock.
func (m *Machine) aptLocked(args []string) (string, error) {
	w := &m.world
	switch strings.Join(args, " ") {
	case "start":
		p := facts.Process{PID: w.pid(), Comm: "apt-get", Exe: "apt-get", User: "root", Unit: "apt-daily-upgrade.service", Slice: "system.slice"}
		w.Processes = append(w.Processes, p)
		w.Work.Locks = append(w.Work.Locks, facts.Lock{Manager: "apt", Holder: p})
		return "apt-get upgrades the machine", nil
	case "stop":
		w.Work.Locks = nil
		m.releaseLocked(func(p facts.Process) bool { return p.Comm == "apt-get" })
		return "apt-get has ended", nil
	}
	return "", fmt.Errorf("say apt start or apt stop")
}

func (m *Machine) inhibitLocked(args []string) (string, error) {
	if len(args) < 2 || args[0] != "start" && args[0] != "stop" {
		return "", fmt.Errorf("say inhibit start WHO [WHY] or inhibit stop WHO")
	}
	w, who := &m.world.Work, facts.Clean(args[1])
	w.Inhibitors = slices.DeleteFunc(w.Inhibitors, func(i facts.Inhibitor) bool { return i.Who == who })
	if args[0] == "stop" {
		return who + " inhibits no more", nil
	}
	why := facts.Clean(strings.Join(args[2:], " "))
	if why == "" {
		why = "a long job"
	}
	w.Inhibitors = append(w.Inhibitors, facts.Inhibitor{
		What: []string{"shutdown", "sleep"}, Who: who, Why: why, Mode: "block", UID: devUID, User: "dev", PID: m.world.pid(),
	})
	return who + " inhibits shutdown and sleep", nil
}

// onOff sets a flag by a word.
func onOff(flag *bool, on bool, what string, args []string) (string, error) {
	if len(args) != 1 || args[0] != "on" && args[0] != "off" {
		return "", fmt.Errorf("say %s on or %s off", what, what)
	}
	*flag = (args[0] == "on") == on
	return what + " is " + args[0], nil
}

// podLocked starts or ends a pod. The node comes up with the first one.
func (m *Machine) podLocked(args []string) (string, error) {
	w := &m.world
	named := func(p facts.Pod) bool { return p.Name == args[1] }
	switch {
	case len(args) == 2 && args[0] == "stop" && slices.ContainsFunc(w.Work.Pods, named):
		w.Work.Pods = slices.DeleteFunc(w.Work.Pods, named)
		return args[1] + " has ended", nil
	case len(args) == 2 && args[0] == "stop":
		return "", fmt.Errorf("no such pod %q", args[1])
	case len(args) < 2 || len(args) > 3 || args[0] != "start":
		return "", fmt.Errorf("say pod start NAME [GPUS] or pod stop NAME")
	}
	gpus := 0
	if len(args) == 3 {
		var err error
		if gpus, err = number(args[2], 64); err != nil {
			return "", err
		}
	}
	if m.gateShut(k3s, w.Units[k3s]) {
		return "", fmt.Errorf("the mode keeps %s down", k3s)
	}
	if w.Work.Node.Cordoned {
		return "", fmt.Errorf("%s is cordoned: the scheduler places nothing on it", node)
	}
	w.Units[k3s].Active, w.Units[k3s].Sub = "active", "running"
	w.Work.Pods = append(slices.DeleteFunc(w.Work.Pods, named), facts.Pod{
		Namespace: "default", Name: args[1], UID: bootID(), Phase: "Running", Owner: "Job", GPUs: gpus, Since: time.Now(),
	})
	return "default/" + args[1] + " runs on " + node, nil
}

func (m *Machine) powerLocked(args []string) (string, error) {
	p := facts.Power{Mains: len(args) > 0 && args[0] == "mains", Battery: -1}
	bad := fmt.Errorf("say power mains [PERCENT] or power battery PERCENT")
	switch {
	case len(args) == 1 && p.Mains:
	case len(args) == 2 && (p.Mains || args[0] == "battery"):
		var err error
		if p.Battery, err = number(args[1], 100); err != nil {
			return "", err
		}
	default:
		return "", bad
	}
	m.world.Work.Power = p
	return "power: " + strings.Join(args, " "), nil
}
