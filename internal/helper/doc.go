// Package helper is how the brain talks to the processes that hold a key each:
// moded-probe, which may look, and moded-workload, which has a network.
//
// A helper stands behind a unix stream socket that PID 1 holds; a question
// starts it, and it goes away when nobody asks. A connection carries one
// question, in four lines of JSON:
//
//	both    {"moded-probe":1,"version":"1.2.0"}\n
//	brain   its question\n
//	helper  its answer\n
//
// An upgrade leaves an old brain beside a new helper, or the reverse. Each side
// begins with its protocol number; when they differ nothing more is said, and
// there is no answer. Both sides decode strictly, read no line that is longer
// than the Protocol says, and wait no longer than they were told.
//
// What is asked and answered is the business of packages probe and workload.
package helper
