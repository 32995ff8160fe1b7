package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pagers are tried in this order where nobody names one. The last resort is none.
var pagers = []string{"less", "more"}

// lessOptions are systemctl's: leave at once when it fits, show colours, cut no
// lines, keep what was shown, and end on Ctrl-C.
const lessOptions = "FRSXMK"

// paged shows what print prints: through a pager when that is longer than the
// terminal, and straight when it is not, when there is no terminal or no pager.
func (a *app) paged(print func()) {
	_, rows := a.size()
	commands := a.pagerCommands()
	if !a.ui.live || rows == 0 || len(commands) == 0 {
		print()
		return
	}
	out, text := a.ui.out, &strings.Builder{}
	a.ui.out = text
	print()
	a.ui.out = out
	if strings.Count(text.String(), "\n") >= rows && a.throughPager(commands, text.String()) {
		return
	}
	_, _ = io.WriteString(out, text.String()) // as all that is printed: a terminal that is gone is told by its signal
}

// pagerCommands are what to try. Who works with sudo on behalf of somebody else
// gets less alone, kept from running commands and writing files: see sudo(8).
func (a *app) pagerCommands() []string {
	if a.noPager {
		return nil
	}
	if a.onBehalf() {
		return pagers[:1]
	}
	for _, name := range []string{"MODECTL_PAGER", "PAGER"} {
		switch command := a.Getenv(name); command {
		case "":
		case "cat":
			return nil
		default:
			return append([]string{command}, pagers...)
		}
	}
	return pagers
}

func (a *app) onBehalf() bool {
	return a.Root && (a.Getenv("SUDO_UID") != "" || a.Getenv("PKEXEC_UID") != "" || a.Getenv("DOAS_USER") != "")
}

// throughPager is false when no pager could be started.
func (a *app) throughPager(commands []string, text string) bool {
	for _, command := range commands {
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		pager := exec.Command(words[0], words[1:]...) // #nosec G204 -- the caller's own choice
		pager.Stdin, pager.Stdout, pager.Stderr = strings.NewReader(text), a.Stdout, a.Stderr
		pager.Env = append(os.Environ(), a.pagerEnv(words[0])...)
		err := pager.Start()
		if err != nil {
			continue
		}
		var exit *exec.ExitError
		if err = pager.Wait(); errors.As(err, &exit) && exit.ExitCode() == exitNotFound {
			continue // a wrapper that did not find its own
		}
		return true
	}
	return false
}

func (a *app) pagerEnv(command string) []string {
	var env []string
	if filepath.Base(command) == "less" && a.Getenv("LESS") == "" {
		env = append(env, "LESS="+lessOptions)
	}
	if utf8Locale(a.Getenv) && a.Getenv("LESSCHARSET") == "" {
		env = append(env, "LESSCHARSET=utf-8")
	}
	if a.onBehalf() {
		env = append(env, "LESSSECURE=1")
	}
	return env
}
