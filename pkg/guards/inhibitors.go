package guards

import (
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// desktopLocks are inhibitors that are held all the time by those who keep a
// desktop or a machine running: no job of anybody. Most of them could not be
// taken for one anyway, since they only delay or only handle keys; they stand
// here for versions that are stricter. Who somebody is is his own word: who
// lies hides only his own job.
var desktopLocks = []struct {
	who, why string
	// only is what the lock holds up when it is the permanent one; empty for
	// whatever it holds up.
	only   string
	source string
}{
	{who: "moded", source: "internal/host: held while a transition runs"},
	{who: "GNOME Shell", source: "gnome-shell js/misc/loginManager.js: to lock the screen, delay"},
	{why: "GNOME handling keypresses", source: "gnome-settings-daemon plugins/media-keys/gsd-media-keys-manager.c: block on handle-*, delay on sleep; who is the user"},
	{why: "GNOME needs to lock the screen", source: "gnome-settings-daemon plugins/power/gsd-power-manager.c: delay; who is the user"},
	{why: "External monitor attached or configuration changed recently", source: "gnome-settings-daemon plugins/power/gsd-power-manager.c: block on handle-lid-switch"},
	// With sleep beside shutdown, a program asked gnome-session not to suspend:
	// that is a job. Shutdown alone it holds as long as anybody is logged in.
	{why: "user session inhibited", only: "shutdown", source: "gnome-session gnome-session/gsm-systemd.c; who is the user"},
	{who: "PowerDevil", source: "powerdevil daemon/powerdevilpolicyagent.cpp: block on handle-*"},
	{who: "Screen Locker", source: "kscreenlocker logind.cpp: delay"},
	{who: "xfce4-power-manager", source: "xfce4-power-manager src/xfpm-manager.c: block on handle-*"},
	{who: "NetworkManager", source: "NetworkManager src/core/nm-sleep-monitor.c: delay"},
	{who: "ModemManager", source: "ModemManager src/mm-sleep-monitor-systemd.c: delay"},
	{who: "UPower", source: "upower src/linux/up-backend.c: delay"},
}

// declares tells whether an inhibitor says that a job is under way: it blocks a
// shutdown or sleep, and is no desktop's.
func declares(i facts.Inhibitor) bool {
	if i.Mode == "delay" || !slices.Contains(i.What, "shutdown") && !slices.Contains(i.What, "sleep") {
		return false
	}
	for _, lock := range desktopLocks {
		if (lock.who == "" || lock.who == i.Who) && (lock.why == "" || lock.why == i.Why) &&
			(lock.only == "" || !slices.ContainsFunc(i.What, func(w string) bool { return w != lock.only })) {
			return false
		}
	}
	return true
}

func inhibitorOf(i facts.Inhibitor) fsm.Culprit {
	c := fsm.Culprit{Kind: "process", Client: program(i.Who, i.Why), PID: i.PID, UID: i.UID, User: facts.Clean(i.User), Detail: "inhibits " + spoken(strings.Join(i.What, ", "))}
	if why := spoken(i.Why); why != "" && i.Why != "Unknown reason" {
		c.Detail += ": " + why
	}
	return c
}
