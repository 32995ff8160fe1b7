package guards

import (
	"cmp"
	"fmt"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// running tells whether a unit in that state may be at work.
func running(active string) bool { return active != "" && active != "inactive" && active != "failed" }

// mute says why a server's requests are not known, or "" when they are. One whose
// unit is down has none.
func mute(s facts.VLLMServer) string {
	switch {
	case !s.Known():
		return s.Unknown
	case s.Active == "":
		return "the state of its unit is not known"
	case s.Running < 0 || s.Waiting < 0 || s.Running > maxCount || s.Waiting > maxCount:
		return "its metrics make no sense"
	}
	return ""
}

// requestsOf is how many requests a server has that are known of; none while its
// unit is down.
func requestsOf(s facts.VLLMServer) int {
	if s.Active != "" && !running(s.Active) {
		return 0
	}
	n := min(max(s.Running, 0), maxCount) + min(max(s.Waiting, 0), maxCount)
	if n == 0 && s.Generating {
		return 1
	}
	return n
}

func requestsText(s facts.VLLMServer) string {
	if s.Running <= 0 && s.Waiting <= 0 && s.Generating {
		return "generates tokens"
	}
	return fmt.Sprintf("%d running, %d waiting", max(s.Running, 0), max(s.Waiting, 0))
}

func serverName(s facts.VLLMServer) string { return cmp.Or(facts.Clean(s.Name), "a server") }

func serverOf(s facts.VLLMServer, detail string) fsm.Culprit {
	return fsm.Culprit{Kind: "unit", Client: serverName(s), Unit: facts.Clean(s.Unit), Detail: detail}
}
