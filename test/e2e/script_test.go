package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/cli"
)

// TestScripts runs testdata/script: each on a machine of its own that is settled
// in desktop. What modectl says there is golden, with times and durations
// normalised; -update writes it anew. Besides the commands of testscript there are
//
//	modectl ARGUMENT...    the real one; ! if it fails, and then code N
//	code N                 how the last one ended
//	simulate COMMAND...    something happens on the machine
//	calm                   waits until nothing happens on the machine any more
//	settles MODE           waits until the machine is in a mode
//	phase NAME             waits until the open transition is in a phase
//	held N                 waits until there are as many holds
//	restart                the daemon is killed and started again
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.RunT(actor{t}, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update,
		Setup: setScene,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"modectl": sayModectl, "code": checkCode,
			"simulate": func(ts *testscript.TestScript, _ bool, args []string) { sceneOf(ts).simulate(strings.Join(args, " ")) },
			"calm":     func(ts *testscript.TestScript, _ bool, _ []string) { sceneOf(ts).calm() },
			"settles":  func(ts *testscript.TestScript, _ bool, args []string) { sceneOf(ts).settles(args[0]) },
			"phase":    func(ts *testscript.TestScript, _ bool, args []string) { sceneOf(ts).phase(args[0]) },
			"held":     func(ts *testscript.TestScript, _ bool, args []string) { sceneOf(ts).held(args[0]) },
			"restart":  func(ts *testscript.TestScript, _ bool, _ []string) { sceneOf(ts).crash() },
		},
	})
}

// scene is what a script has besides its directory.
type scene struct {
	*play
	code int
}

type sceneKey struct{}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

// actor is a test as testscript wants it.
type actor struct{ *testing.T }

func (a actor) Run(name string, f func(testscript.T)) {
	a.T.Run(name, func(t *testing.T) { f(actor{t}) })
}

func (a actor) Verbose() bool { return testing.Verbose() }

func setScene(env *testscript.Env) error {
	t, ok := env.T().(actor)
	if !ok {
		return errors.New("internal error: a script is another's")
	}
	s := &scene{play: open(t.T)}
	env.Values[sceneKey{}] = s
	env.Setenv("MODECTL_BUS", s.Bus)
	env.Setenv("LC_ALL", "C.UTF-8")
	env.Setenv("PATH", filepath.Join(env.WorkDir, "bin")+":"+bin+":"+os.Getenv("PATH"))
	return nil
}

// sayModectl runs the real one, and normalises what it says.
func sayModectl(ts *testscript.TestScript, neg bool, args []string) {
	s := sceneOf(ts)
	cmd := s.Modectl(s.t.Context(), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(cmd.Env, "PATH="+ts.Getenv("PATH"), "TZ=UTC")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("cannot run modectl: %v", err)
	}
	s.code = cmd.ProcessState.ExitCode()
	said := out.String()
	if !slices.Contains(args, "--json") { // which may be read again
		said = s.normal(said)
	}
	_, _ = ts.Stdout().Write([]byte(said))
	_, _ = ts.Stderr().Write([]byte(s.normal(errs.String())))
	if neg != (s.code != 0) {
		ts.Fatalf("modectl %s: exit code %d", strings.Join(args, " "), s.code)
	}
}

func checkCode(ts *testscript.TestScript, _ bool, args []string) {
	if s := sceneOf(ts); strconv.Itoa(s.code) != args[0] {
		ts.Fatalf("exit code %d, want %s", s.code, args[0])
	}
}

// varying is what differs from run to run, with what stands for it.
var varying = []struct {
	is    *regexp.Regexp
	stand string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "DATE"},
	{regexp.MustCompile(`\b\d\d:\d\d(:\d\d)?\b`), "CLOCK"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (s|ms|min)\b( \d+ s\b)?`), "N s"},
	{regexp.MustCompile(`("(?:duration-ms|expected-ms|age-s|pid)": )\d+`), "${1}N"},
	{regexp.MustCompile(`\bpid \d+`), "pid N"}, // how many there were before depends on what was in time
	{regexp.MustCompile(`(_seconds\{[^}]*\}) [0-9.e+-]+`), "$1 N"},
	{regexp.MustCompile(`(_seconds) [0-9.e+-]+`), "$1 N"},
	{regexp.MustCompile(`unreleased|v?\d+\.\d+\.\d+\S*`), "VERSION"},
}

func (s *scene) normal(text string) string {
	text = strings.ReplaceAll(text, s.Bus, "ADDRESS")
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.stand)
	}
	return text
}

func anything(manager1.Event) bool { return true }

func (s *scene) phase(name string) {
	s.t.Helper()
	for {
		p, err := s.client.Properties(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if p.Transition.Phase == name {
			return
		}
		s.await("phase "+name, anything)
	}
}

func (s *scene) held(n string) {
	s.t.Helper()
	want, err := strconv.Atoi(n)
	for err == nil {
		p, err := s.client.Properties(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if int(p.Holds) == want {
			return
		}
		s.await(n+" holds", anything)
	}
	s.t.Fatal(err)
}

// verbs are the commands that do something, as they are typed.
func verbs(cmd *cobra.Command) []string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		if c.Runnable() {
			list = append(list, strings.TrimPrefix(c.CommandPath(), "modectl "))
		}
		list = append(list, verbs(c)...)
	}
	return list
}

func TestEveryVerbHasAScript(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range verbs(cli.Tree()) {
		first, _, _ := strings.Cut(verb, " ")
		file := filepath.Join("testdata", "script", first+".txtar")
		if !slices.Contains(files, file) {
			t.Errorf("modectl %s has no %s", verb, file)
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^(! )?(modectl|exec modectl) (.* )?` + verb + `\b`).Match(text) {
			t.Errorf("%s does not say modectl %s", file, verb)
		}
	}
}
