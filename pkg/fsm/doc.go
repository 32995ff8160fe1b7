// Package fsm is the core of moded: which modes a machine has, which ways lead
// from one to another, and how a way is walked so that the machine is always in
// a mode, or on its way back to one.
//
// It is pure. It knows no D-Bus, no systemd, no GPU and no log; what it needs
// of the world it asks through the small interfaces of needs.go, ledger.go and
// action.go.
//
// # Words
//
// A Mode states where every knob stands, each as a Setting: kind, key, value.
// An Edge is an allowed way between two modes. A Catalog holds both, validated
// together and immutable. A Request asks for a mode; a Plan is the immutable
// answer to "what would you do?": verdicts of guards, and steps. A Step is the
// release or the acquire of one setting. An Action is the code that moves one
// kind of knob and puts it back; a Snapshot is what it found before. The Ledger
// keeps the one open plan on disk. A Transition is one run of a plan, and ends
// settled, rolled-back, stuck, refused or cancelled. A Hold is somebody's claim
// that the mode must not change.
//
// # Guarantees
//
//   - One transition at a time. A second request is told who is running.
//   - Nothing is touched before all guards passed, the requester was
//     authorised, the plan passed preflight and the plan is on disk.
//   - Before each touch the step and the snapshot of its knob are on disk. At
//     most two synced writes a step; in practice one on the way forward and one
//     on the way back.
//   - Whatever fails (an error, a deadline, a panic, a cancellation, SIGKILL),
//     every step that was begun is undone, the failing one included, newest
//     first, each before the next. The crash matrix in crash_test.go kills the
//     process at every tick and then its recovery at every tick.
//   - After a crash the engine goes back, never forward. Two exceptions: boot,
//     which never undoes, and a transition that only waits to be confirmed.
//   - Only sessions that were in the plan when the request was authorised are
//     ever ended, and a second and a last look make sure that nobody else has
//     come, also when nobody was there at first. Boot ends nobody. A rollback
//     or a recovery that would have to end another session stops instead:
//     outcome stuck.
//   - A cancel or a confirmation that was accepted is what happens, whatever
//     came at the same moment.
//   - While somebody holds the mode, nothing that it is held against begins: what
//     happens by itself, or with scope all everything but what root overrides. No
//     hold is in the way of boot, of a rollback, of the end of an unconfirmed
//     mode, or of a recovery.
//   - The open plan needs nothing of today's configuration to be undone. If the
//     mode it began in is gone by then, the machine is looked at afresh.
//   - An action that does not answer is left behind a second after its deadline.
//     Three crashes in the same step, of boot too, and the engine acts no more
//     until somebody says recover.
//   - The mode that readers see, the law and the document change together.
//
// What is not promised: that programs which were closed come back. The first
// step that ends a person's session is the plan's point of no return; what can
// fail cheaply comes before it, and an outcome says who lost what.
//
// # The life of a transition
//
//	Switch: known? already there? legal? free? → who would be ended?
//	        → authorise → claim (nothing changed meanwhile?) → all guards
//	        and holds → the id is returned
//	then:   grace (a hold ends what happens by itself) → guards, holds and
//	        sessions again → the background of the last transition has
//	        ended → ledger
//	        → for each stage: capture → ledger → do and verify, its steps
//	          side by side (last look before the GUI ends: guards, holds,
//	          sessions)
//	        → verify the whole mode → wait for confirmation, if asked for
//	        → ledger, law, readers → what is not essential, in the background
//	or:     undo newest first → ledger, law, readers → the mode it began in
//
// A setting that is not as the mode wants it gives up to two steps. It is
// released to its kind's rest value when it has one and is not there, and then
// acquired when what is wanted is not rest. All steps are put into one fixed
// order (stage.go); those of one stage need nothing of each other and run side
// by side (flight.go).
//
// While a mode is settled, Recheck tells what no longer stands as the mode wants
// it, and Correct puts it right: a transition from the mode to itself. Which knobs
// are worth another try is for the caller to know (internal/triggers).
//
// # The law
//
// machine.go generates a looplab/fsm machine from the Catalog. It decides what
// is legal and nothing else: no callbacks, no work. Each through-edge has its
// own transitioning state, so that success and abort are never ambiguous.
//
// # Concurrency
//
// All methods of Engine may be called from any goroutine. State never blocks.
// The lock is never held across an action, a guard, a prompt or a job. Each
// transition runs in one goroutine on the engine's context; Shutdown waits for
// it. What a mode acquires in the background goes on beside the next request
// until that has passed its guards and its grace period; it is then ended and
// waited for, and the plan made anew. Whatever looks at the machine without the
// lock (planning, adopting) compares the engine's generation afterwards and
// gives way if anything has begun. Observers are called in order, with the lock
// held: they must hand over and return.
//
// Less formally: think of a stage crew with a prompt book. Before anybody moves
// a chair they write down where it stood. If the play has to stop, they open
// the book at the last page and put the chairs back, last one first, and if the
// whole crew is replaced in the middle the new one does just that. They never
// push a spectator off a seat that was not sold with the seat's number on the
// ticket.
package fsm
