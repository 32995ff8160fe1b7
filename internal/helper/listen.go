package helper

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Listen returns the socket that PID 1 handed over, or with a path one of its
// own there. name is the helper's program, which its socket unit is named for.
func Listen(name, path string) (net.Listener, error) {
	if path != "" {
		l, err := net.Listen("unix", path)
		if err != nil {
			return nil, fmt.Errorf("cannot listen: %w", err)
		}
		return l, nil
	}
	list, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("cannot take the socket of PID 1: %w", err)
	}
	if len(list) != 1 || list[0] == nil {
		return nil, fmt.Errorf("no socket from PID 1: start %s.socket, or name a path (see --help)", name)
	}
	return list[0], nil
}
