// Package workload is the brain's side of moded-workload, the one helper with a
// network: it asks services on this machine whether they are ready. The
// helper's own side, with all that speaks HTTP, is package serve: the brain
// does not link it. How the two speak is package helper's.
package workload

import "github.com/modectl/moded/internal/helper"

// Protocol is what both sides must agree on.
var Protocol = helper.Protocol{Name: "moded-workload", Number: 1, MaxQuestion: 16 << 10, MaxAnswer: 16 << 10}

// Question is what the helper is asked.
type Question struct {
	// Ready is the URL of a service on this machine: is it ready?
	Ready string `json:"ready"`
}

// Answer is what it found.
type Answer struct {
	Ready bool `json:"ready"`
	// Detail is why not, in a few words that are fit to be shown.
	Detail string `json:"detail,omitempty"`
}
