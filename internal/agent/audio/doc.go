// Package audio keeps one user's audio as the daemon ordered it, and reports
// what it is.
//
// An order stands until the next one: a quantum is forced again when PipeWire
// comes back, and units that should be stopped are stopped again when something
// starts them. Nothing is settled because a program said so: units are read
// again after each job, the quantum is what PipeWire's own metadata shows, and
// when something plays, what its drivers are measured to run with.
//
// PipeWire is only followed while the user's pipewire.service is active, for
// connecting would start it. What the user does to a quantum that we forced is
// reported, not fought.
//
// A Keeper has one goroutine that owns all its state, Run. Jobs and programs
// run beside it and hand their results back; at most one changes the machine
// at a time.
package audio
