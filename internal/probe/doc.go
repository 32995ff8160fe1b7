// Package probe is how the brain sees: what it asks of moded-probe and what it
// is answered.
//
// The brain's sandbox hides /proc and has no devices. moded-probe has both and
// nothing else: it reads, changes nothing, and goes away when nobody asks. How
// the two speak is package helper's:
//
//	both   {"moded-probe":2,"version":"1.2.0"}\n
//	brain  {"load":true,"gpus":true}\n
//	probe  {"load":{"cpus":8,…},"gpus":{"list":[…]}}\n
//
// Package look is what reads the machine, package nvml what asks NVIDIA's
// library, in a child process that may be lost. Neither is linked by the brain.
package probe
