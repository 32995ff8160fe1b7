package e2e_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/simulate"
	"github.com/modectl/moded/test/e2e/stage"
)

// reader is somebody who follows a page to the letter, at a terminal of 80
// columns, on a machine of their own.
type reader struct {
	t     *testing.T
	page  page
	speed float64
	dir   string // has etc/moded, and is where commands run
	*play
	status int // of the last command
}

// happen does what the page says before a block: "fresh" is another machine,
// "stock" one whose /etc/moded is empty, "until degraded" and "until well" wait
// until moded has seen a difference or mended it, all else is said to the machine.
func (r *reader) happen(before []string) {
	r.t.Helper()
	for _, what := range before {
		switch what = strings.TrimSpace(what); what {
		case "fresh":
			r.open(simulate.Config())
		case "stock":
			r.open(nil)
		case "until degraded", "until well":
			degraded := what == "until degraded"
			for now := r.properties(); (len(now.Degraded) > 0) != degraded || now.Transition.Open(); now = r.properties() {
				r.await(what, func(manager1.Event) bool { return true })
			}
		default:
			r.simulate(what)
		}
	}
	if r.play == nil {
		r.open(simulate.Config())
	}
}

// open starts a machine with the configuration, over which its daemon reads the
// files that the page writes.
func (r *reader) open(configuration []byte) {
	r.t.Helper()
	r.dir = r.t.TempDir()
	examples, err := filepath.Abs("../../examples")
	if err == nil {
		err = os.Symlink(examples, filepath.Join(r.dir, "examples"))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	o := stage.Options{Bin: bin, Speed: r.speed}
	r.write("/etc/moded/moded.toml", string(configuration))
	for _, file := range append([]string{"/etc/moded/moded.toml"}, r.page.files...) {
		if path := r.dir + file; !slices.Contains(o.Config, path) {
			o.Config = append(o.Config, path)
		}
	}
	for _, file := range r.page.files {
		r.write(file, "")
	}
	r.play = bareWith(r.t, o)
	r.start()
	r.settles("desktop")
	r.finish()
}

// finish waits until what a mode does after it has settled is done, too.
func (r *reader) finish() {
	r.t.Helper()
	for r.t.Context().Err() == nil {
		settings, err := r.client.Verify(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if !slices.ContainsFunc(settings, func(s manager1.Setting) bool { return !s.Settled }) {
			break
		}
	}
	for len(r.properties().Degraded) > 0 { // it says so a moment later
		r.await("all to be well", func(manager1.Event) bool { return true })
	}
	r.calm()
}

func (r *reader) properties() manager1.Properties {
	r.t.Helper()
	now, err := r.client.Properties(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return now
}

func (r *reader) write(file, text string) {
	r.t.Helper()
	path := r.dir + file
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// do runs a command as it stands on the page, and returns what the terminal
// shows then.
func (r *reader) do(e example) string {
	r.t.Helper()
	line := strings.ReplaceAll(e.command, "/etc/moded/", r.dir+"/etc/moded/")
	cmd := exec.CommandContext(r.t.Context(), "sh", "-c", "(exit "+strconv.Itoa(r.status)+"); "+line)
	cmd.Dir = r.dir
	cmd.Env = []string{
		"PATH=" + r.Bin + ":" + os.Getenv("PATH"), "HOME=" + r.dir, "TZ=UTC", "LC_ALL=C.UTF-8", "TERM=dumb", "PAGER=cat",
		"MODECTL_BUS=" + r.Bus, "MODED_RUNTIME_DIR=" + r.Runtime,
	}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		r.t.Fatal(err)
	}
	defer terminal.Close()
	said := r.talk(terminal, e)
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	r.status = cmd.ProcessState.ExitCode()
	if strings.Contains(said, "In the background") {
		r.finish()
	}
	r.calm()
	said = strings.ReplaceAll(strings.ReplaceAll(said, "\r\n", "\n"), r.dir, "")
	return strings.TrimLeft(said, "\n")
}

// asRoot calls the user who runs the test root, as whom the pages were written.
func asRoot(t *testing.T, text string) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\b`+regexp.QuoteMeta(u.Username)+`\b`).ReplaceAllString(text, "root")
}

// talk reads what a command says, and answers its questions as the page does.
func (r *reader) talk(terminal *os.File, e example) string {
	r.t.Helper()
	var said strings.Builder
	asked := 0
	for buf := make([]byte, 4096); ; {
		n, err := terminal.Read(buf)
		said.Write(buf[:n])
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO):
			return said.String()
		case err != nil:
			r.t.Fatal(err)
		}
		if !strings.HasSuffix(said.String(), "[y/N] ") {
			continue
		}
		answer := "\x04" // nobody is there to answer
		if asked < len(e.answers) {
			answer = e.answers[asked] + "\n"
		}
		asked++
		if _, err := terminal.WriteString(answer); err != nil {
			r.t.Fatal(err)
		}
	}
}
