// Package triggers moves the machine when nobody asks: to another mode when it
// has been idle, out of a mode that cannot be kept, and back to what the mode
// says when somebody has moved a knob by hand.
//
// Nothing here polls. Sources tell a Watcher that something may have changed
// (logind's and PID 1's signals, the users' agents, the engine itself), never
// what: the Watcher reads the state again, so a forged or lost signal costs one
// look and decides nothing. Between two pieces of news there is at most one
// timer, for the moment at which a condition will have held for long enough.
//
// A trigger is a request like any other, but for its name: the law must have an
// edge with that trigger, all guards of the edge are asked, and a hold against
// automatic changes stops it. What was refused is tried again with patience, and
// one refusal a day goes to the history.
package triggers
