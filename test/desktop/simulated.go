package main

import (
	"strings"

	"github.com/modectl/moded/internal/simulate"
)

// simulated is the simulated machine's own configuration with one thing
// replaced.
func simulated(old, replacement string) string {
	return strings.Replace(string(simulate.Config()), old, replacement, 1)
}
