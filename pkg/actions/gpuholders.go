package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// culprits names holders to who watches the step. Of a unit that the plan moves
// it says so: it has been stopped, and has left something behind.
func culprits(ctx context.Context, holders []DeviceHolder) string {
	return who(holders, fsm.Owned(ctx)...)
}

// who names holders: "Xorg (1234, session-3.scope, dev)".
func who(holders []DeviceHolder, owned ...string) string {
	const most = 4
	var names []string
	for i, h := range holders {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(holders)-most))
			break
		}
		names = append(names, h.name(slices.Contains(owned, h.Unit)))
	}
	return strings.Join(names, ", ")
}

func (h DeviceHolder) name(owned bool) string {
	words := []string{fmt.Sprint(h.PID)}
	if h.Unit != "" && owned {
		words = append(words, h.Unit+" of this plan")
	} else if h.Unit != "" {
		words = append(words, h.Unit)
	}
	if h.User != "" {
		words = append(words, h.User)
	}
	return fmt.Sprintf("%s (%s)", h.Comm, strings.Join(words, ", "))
}
