package probe

import "github.com/modectl/moded/internal/helper"

// Client asks moded-probe.
type Client = helper.Client[Question, Answer]

// NewClient returns a client of the socket at path. version is told to the
// probe.
func NewClient(path, version string) *Client {
	return &Client{Protocol: Protocol, Version: version, Dial: helper.Socket(path)}
}

// Server is the probe's side. Its Answer never fails: a part that cannot be
// seen is unknown in the answer.
type Server = helper.Server[Question, Answer]
