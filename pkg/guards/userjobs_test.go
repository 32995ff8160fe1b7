package guards_test

import (
	"testing"
	"time"

	"github.com/modectl/moded/pkg/facts"
)

// inhibitors are as logind lists them on a desktop at rest, and then jobs.
var (
	desktopInhibitors = []facts.Inhibitor{
		{What: []string{"sleep"}, Who: "NetworkManager", Why: "NetworkManager needs to turn off networks", Mode: "delay", PID: 441},
		{What: []string{"sleep"}, Who: "UPower", Why: "Pause device polling", Mode: "delay", PID: 860},
		{What: []string{"sleep"}, Who: "ModemManager", Why: "ModemManager needs to reset devices", Mode: "delay", PID: 394},
		{What: []string{"shutdown"}, Who: "Unattended Upgrades Shutdown", Why: "Stop ongoing upgrades or perform upgrades before shutdown", Mode: "delay", PID: 493},
		{What: []string{"handle-power-key", "handle-suspend-key", "handle-hibernate-key"}, Who: "ann", Why: "GNOME handling keypresses", Mode: "block", UID: 1000, PID: 2624},
		{What: []string{"sleep"}, Who: "GNOME Shell", Why: "GNOME needs to lock the screen", Mode: "delay", UID: 1000, PID: 2496},
		{What: []string{"handle-lid-switch"}, Who: "ann", Why: "External monitor attached or configuration changed recently", Mode: "block", UID: 1000, PID: 2626},
		{What: []string{"shutdown"}, Who: "ann", Why: "user session inhibited", Mode: "block", UID: 1000, PID: 2300},
		{What: []string{"handle-power-key", "handle-suspend-key", "handle-hibernate-key", "handle-lid-switch"}, Who: "PowerDevil", Why: "KDE handles power events", Mode: "block", UID: 1001, PID: 971},
		{What: []string{"idle"}, Who: "Firefox", Why: "video-playing", Mode: "block", UID: 1000, PID: 3000},
		{What: []string{"shutdown", "sleep"}, Who: "moded", Why: "the mode changes", Mode: "block", PID: 700},
	}
	burning  = facts.Inhibitor{What: []string{"shutdown", "sleep"}, Who: "Brasero", Why: "Burning a disc", Mode: "block", UID: 1000, User: "ann", PID: 50}
	asked    = facts.Inhibitor{What: []string{"shutdown", "sleep"}, Who: "ann", Why: "user session inhibited", Mode: "block", UID: 1000, User: "ann", PID: 2300}
	unspoken = facts.Inhibitor{What: []string{"idle", "sleep", "shutdown"}, Who: "rsync --password-file=/root/pw /home/ann host:", Why: "Unknown reason", Mode: "block", UID: 0, User: "root", PID: 51}
	weak     = facts.Inhibitor{What: []string{"sleep"}, Who: "rotor deploy hunter2", Why: "Unknown reason", Mode: "block-weak", UID: 1000, User: "ann", PID: 52}
)

func job(comm string, cpu int, age time.Duration) facts.Job {
	return facts.Job{CPUPercent: cpu, Age: age, Process: facts.Process{
		PID: 100, Comm: comm, UID: 1000, User: "ann", Unit: "user@1000.service", UserUnit: "app-" + comm + ".scope", Slice: "user.slice", UserSlice: "app.slice",
	}}
}

func TestVerdictsOfUserJobs(t *testing.T) {
	t.Parallel()
	jobs := func(list ...facts.Job) facts.Facts {
		return facts.Facts{Jobs: facts.Jobs{List: list, Total: len(list)}}
	}
	inhibited := func(list ...facts.Inhibitor) facts.Facts {
		return facts.Facts{Inhibitors: facts.Inhibitors{List: list}}
	}
	ffmpeg := job("ffmpeg", 340, time.Minute)
	cc := job("cc1plus", 99, time.Second)
	cc.Build = "compiler"
	nix := facts.Job{Build: "builder", Process: facts.Process{PID: 300, Comm: "bash", UID: 30001, User: "nixbld1", Unit: "nix-daemon.service", Slice: "system.slice"}}
	shell := job("gnome-shell", 80, time.Hour)
	shell.UserSlice = "session.slice"
	vim := job("vim", 0, time.Hour)
	vim.Foreground, vim.TTY = true, "pts/3"
	sudo := job("sudo", 0, time.Second)
	sudo.Foreground = true
	modectl := job("modectl", 0, time.Second)
	modectl.Foreground = true
	server := job("vllm", 400, time.Hour)
	server.Unit, server.UserUnit, server.Slice, server.UserSlice = "vllm.service", "", "system.slice", ""
	cron := job("backup", 90, time.Hour)
	cron.Unit, cron.UserUnit = "backup.service", ""
	lock := facts.Lock{Manager: "apt", Holder: facts.Process{PID: 400, Comm: "apt-get", UID: 0, User: "root", Session: "7"}}
	many := jobs(ffmpeg)
	many.Jobs.Locks = []facts.Lock{lock}
	many.Inhibitors.List = []facts.Inhibitor{burning}
	many.Jobs.List = append(many.Jobs.List, cc, vim)
	many.Holds.List = []facts.Hold{{Scope: "all", Who: "mixdown", Why: "rendering", UID: 1000, User: "ann"}}
	locked := facts.Facts{Jobs: facts.Jobs{Locks: []facts.Lock{lock, {Manager: "dpkg", Holder: lock.Holder}, {Manager: "nixos-rebuild"}}}}
	crowd := jobs(job("htop", 60, time.Hour))
	crowd.Jobs.Total = 500
	half := jobs(ffmpeg)
	half.Jobs.Unknown = "descriptors of 3 processes cannot be read"
	seenHold := facts.Facts{Jobs: facts.Jobs{Part: dark}, Inhibitors: facts.Inhibitors{Part: dark}, Holds: facts.Holds{List: many.Holds.List}}

	golden(t, "user-jobs", []verdict{
		{name: "a machine at rest passes", facts: facts.Facts{}},
		{name: "what a desktop inhibits all the time is no job", facts: inhibited(desktopInhibitors...)},
		{name: "a block inhibitor is a job", facts: inhibited(burning)},
		{name: "what a program asked gnome-session for is a job", facts: inhibited(asked)},
		{name: "a command line is not shown", facts: inhibited(unspoken, weak)},
		{name: "an owner of an inhibitor may be ignored", params: `{"ignore":["Brasero","rsync"]}`, facts: inhibited(burning, unspoken)},
		{name: "a hold of either scope is a job", facts: facts.Facts{Holds: facts.Holds{List: []facts.Hold{{Scope: "automatic", Who: "make", Why: "a kernel", UID: 1000, User: "ann"}}}}},
		{name: "a package manager at work denies", facts: locked},
		{name: "a build denies", facts: jobs(cc)},
		{name: "a build of nix-daemon denies", facts: jobs(nix)},
		{name: "builds pass when they are not jobs, busy or not", params: `{"builds":false,"older-than":"1s"}`, facts: jobs(cc, nix)},
		{name: "a process that burns CPU denies", facts: jobs(ffmpeg)},
		{name: "one that has just begun does not", facts: jobs(job("ffmpeg", 340, 9*time.Second))},
		{name: "nor one that is not busy", facts: jobs(job("firefox", 50, time.Hour))},
		{name: "a limit of several CPUs passes it", params: `{"busy-percent":400}`, facts: jobs(ffmpeg)},
		{name: "what a desktop itself runs is no job", facts: jobs(shell)},
		{name: "a program may be ignored", params: `{"ignore":["ffmpeg"]}`, facts: jobs(ffmpeg)},
		{name: "so may a unit of a user", params: `{"ignore-units":["app-ffmpeg.scope"]}`, facts: jobs(ffmpeg)},
		{name: "what the plan stops is no job", facts: jobs(cron, server), units: []string{"backup.service", "vllm.service"}},
		{name: "a system's server is nobody's job", facts: jobs(server)},
		{name: "a foreground command passes", facts: jobs(vim)},
		{name: "a foreground command denies when it is asked for", params: `{"foreground-terminals":true}`, facts: jobs(vim)},
		{name: "who asks is not in its own way", params: `{"foreground-terminals":true}`, facts: jobs(sudo, modectl)},
		{name: "several reasons are all named, the worst first", params: `{"foreground-terminals":true}`, facts: many},
		{name: "a list that was cut is unknown", params: `{"ignore":["htop"]}`, facts: crowd},
		{name: "a name cannot move the cursor", facts: jobs(job("\x1b[2Jx\ny", 100, time.Hour))},
		{name: "what is seen denies, whatever else is dark", facts: half},
		{name: "a hold that is seen denies, whatever else is dark", facts: seenHold},
		{name: "processes that are not seen are unknown", facts: facts.Facts{Jobs: facts.Jobs{Part: dark}}},
		{name: "inhibitors that are not seen are unknown", facts: facts.Facts{Inhibitors: facts.Inhibitors{Part: facts.Part{Unknown: "there is no logind"}}}},
		{name: "holds that are not seen are unknown", facts: facts.Facts{Holds: facts.Holds{Part: facts.Part{Unknown: "nobody keeps holds"}}}},
	})
}
