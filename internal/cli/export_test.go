package cli

import "github.com/modectl/moded/dbus/manager1"

// What cannot be seen from outside.
var (
	ParseUntil = parseUntil
	SleepUntil = sleepUntil
)

// TickAfterVanishing draws a step, loses the daemon, and lets a tick pass.
func TickAfterVanishing(env Env, e manager1.Event) {
	a := &app{Env: env, ui: newUI(env)}
	f := &follower{app: a, id: e.ID, show: newProgress(a)}
	f.show.properties(manager1.Progress{ID: e.ID, Phase: manager1.PhaseRunning})
	f.show.step(e)
	f.vanished()
	f.show.tick()
}
