// Package probe is how the brain sees: the language spoken with moded-probe, its
// client and its server.
//
// The brain's sandbox hides /proc and has no devices. moded-probe has both and
// nothing else: it reads, changes nothing, and goes away when nobody asks. They
// speak over a unix stream socket, one question a connection:
//
//	both   {"moded-probe":1,"version":"1.2.0"}\n
//	brain  {"load":true,"gpus":true}\n
//	probe  {"load":{"cpus":8,…},"gpus":{"list":[…]}}\n
//
// An upgrade leaves an old brain beside a new probe, or the reverse. Each side
// begins with its protocol number; when they differ nothing more is said, and
// the answer is unknown. The number changes with every change of Question,
// Answer or the facts in it, for both sides decode strictly.
//
// Package look is what reads the machine, package nvml what asks NVIDIA's
// library, in a child process that may be lost. Neither is linked by the brain.
package probe
