package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
	"github.com/modectl/moded/internal/cli"
)

// TestMain lets the test's binary be modectl, so that tests can run the real
// one on a terminal of its own.
func TestMain(m *testing.M) {
	switch os.Getenv("BE_MODECTL") {
	case "1":
		main()
	case "a person's": // whom polkit asks, unlike root
		env := environment()
		env.Root = false
		os.Exit(cli.Run(context.Background(), env))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 2 * time.Minute

// write writes a program that can be run at once. While the file is open for writing
// nobody forks: such a child would keep it busy.
func write(t *testing.T, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// terminal is a pseudo-terminal with modectl on it, and what it shows.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	pty    *os.File
	closed chan struct{} // when all was read

	mu      sync.Mutex
	screen  screen
	raw     bytes.Buffer
	changed chan struct{} // closed by the next change
}

func start(t *testing.T, address string, columns, rows uint16, args ...string) *terminal {
	t.Helper()
	return startWith(t, address, columns, rows, nil, args...)
}

// startWith has more in its environment, or other values.
func startWith(t *testing.T, address string, columns, rows uint16, env []string, args ...string) *terminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, cmd: exec.Command(self, args...), closed: make(chan struct{}), changed: make(chan struct{})}
	term.screen.columns = int(columns)
	term.cmd.Env = []string{"BE_MODECTL=1", "MODECTL_BUS=" + address, "TERM=xterm", "NO_COLOR=1", "LANG=C.UTF-8"}
	term.cmd.Env = append(term.cmd.Env, env...)
	if term.pty, err = pty.StartWithSize(term.cmd, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	go term.read()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		_ = term.pty.Close()
	})
	return term
}

func (p *terminal) read() {
	defer close(p.closed)
	buf := make([]byte, 4096)
	for {
		n, err := p.pty.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.raw.Write(buf[:n])
		p.screen.write(p.raw.Bytes())
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// await waits until the screen is as a test wants it. A table of which a part
// has arrived is not looked at: it is drawn with wrapping off.
func (p *terminal) await(what string, ok func(lines []string) bool) []string {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		lines, whole, changed := p.screen.text(), p.screen.wraps, p.changed
		p.mu.Unlock()
		if whole && ok(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-late:
			p.t.Fatalf("%s: the screen shows\n%s", what, strings.Join(lines, "\n"))
		}
	}
}

// press types keys.
func (p *terminal) press(keys string) {
	p.t.Helper()
	if _, err := p.pty.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// end waits until modectl has ended and all was read, and returns its exit code.
func (p *terminal) end() int {
	p.t.Helper()
	select {
	case <-p.closed:
	case <-time.After(patience):
		p.t.Fatalf("modectl does not end: %q", p.raw.String())
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func has(text string) func([]string) bool {
	return func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), text) }
}

// screen is as much of a terminal as a table that is drawn in place needs. It
// does not wrap again what it shows when it is resized, as xterm does not.
type screen struct {
	columns int
	lines   [][]rune
	row     int
	column  int
	wraps   bool
}

// write shows a text from its beginning, as if the screen had been empty.
func (s *screen) write(text []byte) {
	*s = screen{columns: s.columns, wraps: true}
	for rest := string(text); rest != ""; {
		if seq, ok := strings.CutPrefix(rest, "\x1b["); ok {
			end := strings.IndexFunc(seq, func(r rune) bool { return r >= '@' })
			if end < 0 {
				return // the rest is still to come
			}
			s.obey(seq[:end], seq[end])
			rest = seq[end+1:]
			continue
		}
		if !utf8.FullRuneInString(rest) {
			return
		}
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		s.put(r)
	}
}

func (s *screen) obey(arg string, what byte) {
	n, _ := strconv.Atoi(arg)
	switch what {
	case 'A':
		s.row = max(s.row-max(n, 1), 0)
	case 'K':
		s.line()
		if s.columns > 0 && s.column >= s.columns { // the wrap is still to come
			s.column = s.columns - 1
		}
		s.lines[s.row] = s.lines[s.row][:min(s.column, len(s.lines[s.row]))]
	case 'J':
		s.line()
		s.lines[s.row] = s.lines[s.row][:min(s.column, len(s.lines[s.row]))]
		s.lines = s.lines[:s.row+1]
	case 'h', 'l':
		if arg == "?7" {
			s.wraps = what == 'h'
		}
	}
}

func (s *screen) put(r rune) {
	switch {
	case r == '\r':
		s.column = 0
		return
	case r == '\n':
		s.row++
		return
	case s.columns > 0 && s.column >= s.columns && s.wraps:
		s.row, s.column = s.row+1, 0
	case s.columns > 0 && s.column >= s.columns:
		s.column = s.columns - 1
	}
	s.line()
	for len(s.lines[s.row]) <= s.column {
		s.lines[s.row] = append(s.lines[s.row], ' ')
	}
	s.lines[s.row][s.column] = r
	s.column++
}

func (s *screen) line() {
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, nil)
	}
}

func (s *screen) text() []string {
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, strings.TrimRight(string(l), " "))
	}
	return lines
}

func plan(outcome, summary string, more ...string) manager1.Plan {
	p := manager1.Plan{Allowed: outcome == manager1.Pass, Verdicts: []manager1.Verdict{{Guard: "audio-idle", Kind: "audio", Outcome: outcome, Code: outcome, Summary: summary, Remedy: map[bool]string{true: "stop the take"}[outcome != manager1.Pass]}}}
	for i, text := range more {
		p.Verdicts = append(p.Verdicts, manager1.Verdict{Guard: fmt.Sprintf("guard-%d", i), Outcome: manager1.Pass, Summary: text})
	}
	return p
}

func workstation() *manager1test.Daemon {
	return &manager1test.Daemon{
		Properties: manager1.Properties{Mode: "desktop", Modes: []string{"desktop", "compute"}},
		Plans:      map[string]manager1.Plan{"compute": plan(manager1.Pass, "nobody plays or records")},
	}
}

func news(p *manager1.Properties) { p.Holds++ }

func TestTheTableOfGuardsIsDrawnInPlaceAndLeftClean(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	d.Serve(t, address)
	term := start(t, address, 80, 24, "guards", "compute", "--watch", "--interval", "1h")
	term.await("the first answer", has("nobody plays or records"))
	d.SetPlan("compute", plan(manager1.Deny, "REAPER is recording"))
	d.Change(news)
	lines := term.await("the take", has("to do: stop the take"))
	if len(lines) != 5 || !strings.HasPrefix(lines[1], "compute: refused by audio-idle") || lines[4] != "" {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	d.Stop()
	term.await("the daemon is gone", has("moded is not on the bus since"))
	workstation().Serve(t, address)
	lines = term.await("the daemon is back", has("nobody plays or records"))
	if len(lines) != 4 {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	if _, err := term.pty.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	if err := term.cmd.Wait(); err != nil {
		t.Errorf("modectl ended with %v", err)
	}
	<-term.closed
	lines = term.screen.text()
	if term.screen.column != 0 || !term.screen.wraps || strings.Contains(strings.Join(lines, ""), "^C") || !has("audio-idle")(lines) {
		t.Errorf("left in column %d, wrapping %v:\n%s", term.screen.column, term.screen.wraps, strings.Join(lines, "\n"))
	}
	if raw := term.raw.String(); strings.Contains(raw, "?25l") || strings.Contains(raw, "?1049") {
		t.Error("the cursor was hidden, or the screen changed")
	}
}

func TestTheTableFollowsTheSizeOfItsTerminal(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	long := "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
	d.SetPlan("compute", plan(manager1.Pass, long))
	d.Serve(t, address)
	term := start(t, address, 120, 24, "guards", "compute", "--watch", "--interval", "1h")
	term.await("the first answer", has("eleven twelve thirteen fourteen"))
	if err := pty.Setsize(term.pty, &pty.Winsize{Cols: 60, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	lines := term.await("a narrow terminal", func(lines []string) bool {
		joined := strings.Join(lines, "\n")
		return strings.Contains(joined, "fourteen") && !strings.Contains(joined, long)
	})
	for _, line := range lines {
		if len([]rune(line)) > 60 {
			t.Errorf("%q is too wide", line)
		}
	}
}

func TestATableHigherThanItsTerminalIsCut(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	d.SetPlan("compute", plan(manager1.Pass, "quiet", "a", "b", "c", "d", "e", "f", "g", "h"))
	d.Serve(t, address)
	term := start(t, address, 80, 6, "guards", "compute", "--watch", "--interval", "1h")
	lines := term.await("the table", has("… 7 more lines"))
	if len(lines) > 6 {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
}

func TestTheBoardIsDrawnInPlaceOverAWholeTransition(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	d.Resources = manager1.Resources{CPUs: 32, Load1: 1.5, GPUs: []manager1.GPU{{GPU: "gpu0", Driver: "nvidia", Temperature: 47}},
		VLLM: []manager1.VLLM{{VLLM: "main", ActiveState: "active", Running: 3}}}
	d.Serve(t, address)
	term := start(t, address, 100, 40, "watch", "--interval", "1h")
	lines := term.await("the machine", has("vLLM        main"))
	if !has("GPU         gpu0")(lines) || !has("Mode        desktop")(lines) {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	d.Change(func(p *manager1.Properties) {
		p.Mode, p.Target = "transitioning", "compute"
		p.Transition = manager1.Progress{ID: 7, From: "desktop", To: "compute", Phase: "running", Step: "gui release", Index: 2, Of: 8, Message: "waiting for dev"}
	})
	for i, step := range []string{"vllm/main release", "gui release", "vllm/main release"} {
		d.Emit(manager1.SignalStepChanged, uint32(7), uint32(i%2), uint32(8), step, []string{"doing", "doing", "done"}[i])
	}
	lines = term.await("the transition", func(lines []string) bool { return has("2 of 8")(lines) && has("done     vllm/main release")(lines) })
	if n := strings.Count(strings.Join(lines, "\n"), "vllm/main release"); n != 1 || !has("doing    gui release")(lines) || !has("waiting for dev")(lines) {
		t.Errorf("the step is shown %d times:\n%s", n, strings.Join(lines, "\n"))
	}
	if err := pty.Setsize(term.pty, &pty.Winsize{Cols: 46, Rows: 12}); err != nil {
		t.Fatal(err)
	}
	lines = term.await("a small terminal", has("more lines"))
	for _, line := range lines[max(0, len(lines)-11):] { // what was above has scrolled away
		if len([]rune(line)) > 46 {
			t.Errorf("%q is too wide", line)
		}
	}
	d.Stop()
	term.await("the daemon is gone", has("moded is not on the bus since"))
	if _, err := term.pty.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	if err := term.cmd.Wait(); err != nil {
		t.Errorf("modectl ended with %v", err)
	}
	<-term.closed
	if term.screen.column != 0 || !term.screen.wraps {
		t.Errorf("left in column %d, wrapping %v", term.screen.column, term.screen.wraps)
	}
}

func TestALineAsWideAsTheTerminalKeepsItsEnd(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	d.Properties.Degraded = []string{strings.Repeat("-", 60-len("Degraded    ")-1) + "!"}
	d.Serve(t, address)
	term := start(t, address, 60, 20, "watch", "--interval", "0")
	lines := term.await("the board", has("Degraded    --"))
	if !has("-!")(lines) {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
}

func TestTheBoardIsBriefAboutWhatIsWell(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	d.Properties.LastVerdicts = append(plan(manager1.Pass, "nobody plays", "enough").Verdicts, plan(manager1.Warn, "on battery").Verdicts...)
	d.Serve(t, address)
	term := start(t, address, 100, 20, "watch", "--interval", "0")
	lines := term.await("the verdicts", has("on battery"))
	if !has("✓ pass    audio-idle, guard-0")(lines) || has("nobody plays")(lines) {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	d.Emit(manager1.SignalStepChanged, uint32(7), uint32(0), uint32(1), "gui release", "done")
	term.await("a step", has("done     gui release"))
	d.Change(func(p *manager1.Properties) {
		p.Mode, p.LastTransition = "compute", manager1.Record{ID: 7, From: "desktop", To: "compute", Outcome: manager1.Settled}
	})
	lines = term.await("the mode", has("Mode        compute"))
	if has("gui release")(lines) {
		t.Errorf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
}

func TestLinesAreForWhomAsks(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := workstation()
	d.Serve(t, address)
	term := start(t, address, 80, 24, "watch", "--lines")
	term.await("the mode", has("mode desktop"))
	d.Change(func(p *manager1.Properties) { p.Mode = "compute" })
	term.await("another mode", has("mode compute"))
	if strings.Contains(term.raw.String(), "\x1b[") {
		t.Errorf("it drew: %q", term.raw.String())
	}
}
