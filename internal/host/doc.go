// Package host is the real machine: PID 1 over its private socket, logind over
// the system bus, the boot's clock, and the files in the runtime directory.
//
// Nothing here believes a signal. PID 1's come over a socket that only root can
// open; of logind only replies are used.
package host
