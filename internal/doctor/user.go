package doctor

import (
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// What rtcqs asks for. PipeWire's own file gives 4 GiB of locked memory, which is
// as good as without limit.
const (
	enoughPriority = 75
	enoughMemory   = 4 << 30
	tryPriority    = 80
)

func (p *patient) checkUser() Finding {
	if p.Super {
		return warning("you are root: limits and rights below are root's").but("run it as the user who makes the music", Now)
	}
	return fine("not root")
}

func (p *patient) who() string {
	return cmp.Or(p.User, "NAME")
}

// checkLimits reads what the caller's login was given.
func (p *patient) checkLimits() Finding {
	text, err := p.get("proc/self/limits")
	if err != nil {
		return unknown("your limits cannot be read: %s", why(err))
	}
	priority, ok1 := hard(text, "Max realtime priority")
	memory, ok2 := hard(text, "Max locked memory")
	if !ok1 || !ok2 {
		return unknown("your limits cannot be understood")
	}
	said := fmt.Sprintf("realtime priority up to %d, locked memory %s", priority, size(memory))
	if priority >= enoughPriority && memory >= enoughMemory {
		return fine("%s", said)
	}
	return warning("%s: wanted are %d and no limit", said, enoughPriority).but(p.raiseLimits(), Login)
}

// hard is the second number of a line of /proc/self/limits.
func hard(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(line, name)
		f := strings.Fields(rest)
		if !found || len(f) < 2 {
			continue
		}
		if f[1] == "unlimited" {
			return math.MaxUint64, true
		}
		n, err := strconv.ParseUint(f[1], 10, 64)
		return n, err == nil
	}
	return 0, false
}

func size(n uint64) string {
	switch {
	case n == math.MaxUint64:
		return "without limit"
	case n >= 1<<20:
		return fmt.Sprintf("up to %d MiB", n>>20)
	}
	return fmt.Sprintf("up to %d KiB", n>>10)
}

// raiseLimits names the group that has them, when PAM's files give them to one.
func (p *patient) raiseLimits() string {
	if groups := p.realtimeGroups(); len(groups) > 0 {
		return fmt.Sprintf("as root: usermod -aG %s %s, then log out of all sessions and in again", groups[0], p.who())
	}
	return "as root: write \"@audio - rtprio 95\" and \"@audio - memlock unlimited\" to /etc/security/limits.d/95-audio.conf, then usermod -aG audio " +
		p.who() + ", then log out of all sessions and in again"
}

// realtimeGroups are groups that PAM's files give realtime priority to.
func (p *patient) realtimeGroups() []string {
	files := append(p.glob("etc/security/limits.d/*.conf"), "etc/security/limits.conf")
	var groups []string
	for _, file := range files {
		text, _ := p.get(file) // what cannot be read gives nothing
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) != 4 || f[2] != "rtprio" || !strings.HasPrefix(f[0], "@") {
				continue
			}
			if n, err := strconv.Atoi(f[3]); err == nil && n >= enoughPriority {
				groups = append(groups, strings.TrimPrefix(f[0], "@"))
			}
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

func (p *patient) checkFIFO() Finding {
	if p.FIFO == nil {
		return unknown("whether a thread may be SCHED_FIFO was not tried")
	}
	if err := p.FIFO(tryPriority); err != nil {
		return warning("a thread cannot be SCHED_FIFO %d: %s", tryPriority, why(err)).but(p.raiseLimits(), Login)
	}
	return fine("a thread can be SCHED_FIFO %d", tryPriority)
}

// Fields of /proc/PID/stat behind the name, counted from 0, and the policies that
// are realtime. See proc_pid_stat(5).
const (
	statPriority = 37
	statPolicy   = 38
	policyFIFO   = "1"
	policyRR     = "2"
)

// checkPipeWire looks for a thread of PipeWire that is scheduled in real time.
func (p *patient) checkPipeWire() Finding {
	servers, seen := 0, ""
	for _, file := range p.glob("proc/[0-9]*/comm") {
		if comm, err := p.get(file); err != nil || comm != "pipewire" {
			continue
		}
		servers++
		if seen = p.realtimeThread(path.Dir(file)); seen != "" {
			break
		}
	}
	switch {
	case servers == 0:
		return unknown("PipeWire does not run").but("ask again in a session with sound", Now)
	case seen == "":
		return warning("PipeWire runs without realtime priority").
			but("raise your limits, see there, or install rtkit; then systemctl --user restart pipewire.service", Login)
	}
	return fine("PipeWire's %s", seen)
}

func (p *patient) realtimeThread(process string) string {
	tasks, _ := fs.ReadDir(p.Root, process+"/task") // gone, or not ours to see
	for _, t := range tasks {
		stat, err := p.get(process + "/task/" + t.Name() + "/stat")
		_, rest, found := strings.Cut(stat, ") ")
		f := strings.Fields(rest)
		if err != nil || !found || len(f) <= statPolicy {
			continue
		}
		if policy := f[statPolicy]; policy == policyFIFO || policy == policyRR {
			name, _, _ := strings.Cut(stat[strings.IndexByte(stat, '(')+1:], ")")
			return fmt.Sprintf("thread %s has realtime priority %s", name, f[statPriority])
		}
	}
	return ""
}
