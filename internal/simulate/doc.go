// Package simulate is a computer in memory that behaves: units with jobs that
// take time, login sessions, two GPUs with processes that hold them, a user's
// PipeWire with REAPER on it. It has the same hands and eyes as the real
// machine, so that the whole daemon runs on it with --simulate: for applet
// authors without the hardware, for the demo, and for tests.
//
// The machine is a discrete-event simulation on the wall clock. Whatever is
// asked of it becomes an event with a due time, as a job does at PID 1, and the
// events that are due take place whenever somebody looks; there is no goroutine
// behind it, and for who wants news a timer only while something is under way, so
// a daemon at rest stays at rest. An event that was begun goes on
// without the one who asked for it: a daemon that is killed finds, when it is
// back, that the world went on.
//
// For this, every change is written to simulated-machine.json in the runtime
// directory before it is answered. A fresh directory is a fresh machine; the
// control command "boot" makes it one again.
//
// What it does to the caller who believes too much, as the real one does:
//
//   - a start of a unit whose gate is shut is "done", and the unit inactive;
//   - a unit with an environment file that is not there fails;
//   - a display manager without a session shows a greeter, which has a card;
//   - programs of a desktop live in the user's manager, and go with the user's
//     last session, not with the graphical one;
//   - a GPU is let go a while after its holder was told to end;
//   - the AI server is active long before it is ready, and does not say what
//     it works on until then.
//
// Faults are made by the control command: any operation can hang or fail. They
// stay, over a restart of the daemon too, until they are healed.
package simulate
