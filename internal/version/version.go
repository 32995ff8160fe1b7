// Package version holds what the build says that it is.
package version

// Version is set by the Makefile (-ldflags -X); it follows git describe.
var Version = "unreleased"
