package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// asker stands for pkttyagent: it says on the terminal what it was started with,
// closes the descriptor as soon as polkit would know it, and leaves on a signal.
const asker = `#!/bin/sh
trap 'echo "asker leaves"; exit 0' INT
echo "asker $*"
exec 3>&-
while :; do sleep 0.1; done
`

func TestATextAgentIsOnTheTerminalWhileAPasswordIsNeeded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "pkttyagent"), asker)
	for name, c := range map[string]struct {
		path   string
		needed bool
		calls  int
		agent  bool
	}{
		"needed":             {dir + ":/usr/bin:/bin", true, 2, true},
		"not needed":         {dir + ":/usr/bin:/bin", false, 1, false},
		"needed and missing": {"/nowhere", true, 2, false}, // the desktop may have one
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := manager1test.Bus(t)
			d := workstation()
			d.NeedsPrompt = map[string]bool{manager1.MethodReload: c.needed}
			d.Serve(t, address)
			term := startWith(t, address, 200, 24, []string{"BE_MODECTL=a person's", "PATH=" + c.path}, "reload")
			if code := term.end(); code != 0 || calls(d, manager1.MethodReload) != c.calls {
				t.Errorf("exit code %d, %d calls of Reload", code, calls(d, manager1.MethodReload))
			}
			lines := term.screen.text()
			started := has(fmt.Sprintf("asker --process %d --notify-fd 3 --fallback", term.cmd.Process.Pid))(lines)
			if started != c.agent || has("asker leaves")(lines) != c.agent {
				t.Errorf("the screen shows %q", lines)
			}
		})
	}
}
