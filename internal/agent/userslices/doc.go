// Package userslices limits slices of one user's manager as the daemon orders,
// and puts back what was there before.
//
// An order is absolute: what it does not speak of any more goes back to what it
// was before the first order that did. That is remembered in a file beside the
// manager's own drop-ins, which end with the manager as well.
//
// The manager takes any limit, and shows it, also where the kernel knows nothing
// of it: io is not delegated to users' managers by most distributions. So a limit
// is in force when the slice's control group has it, or when nothing is in the
// slice yet.
package userslices
