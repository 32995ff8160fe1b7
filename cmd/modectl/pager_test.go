package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/dbus/manager1/manager1test"
)

// longHistory is longer than the terminals of these tests.
func longHistory() *manager1test.Daemon {
	d := workstation()
	for i := range 40 {
		d.Records = append(d.Records, manager1.Record{ID: uint32(60 - i), From: "desktop", To: "studio", Outcome: manager1.Settled, Mode: "studio", DurationMS: 2100})
	}
	return d
}

func TestLongAnswersGoThroughThePager(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	longHistory().Serve(t, address)
	dir := t.TempDir()
	pager := filepath.Join(dir, "my pager")
	script := "#!/bin/sh\necho \"paged with LESS=$LESS\"\nexec /bin/cat\n"
	write(t, pager, script)
	less := filepath.Join(dir, "less")
	if err := os.Symlink(pager, less); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env   []string
		args  []string
		rows  uint16
		paged bool
		says  string
	}{
		"less is found by itself":         {env: []string{"PATH=" + dir}, paged: true, says: "LESS=FRSXMK"},
		"PAGER is asked":                  {env: []string{"PAGER=" + less + " -x"}, paged: true},
		"MODECTL_PAGER before it":         {env: []string{"MODECTL_PAGER=" + less, "PAGER=/bin/false"}, paged: true},
		"LESS is the person's":            {env: []string{"PATH=" + dir, "LESS=R"}, paged: true, says: "LESS=R\r"},
		"a missing pager":                 {env: []string{"PAGER=/nowhere/pager", "PATH=" + dir}, paged: true},
		"no pager at all":                 {env: []string{"PATH=/nowhere"}},
		"a wrapper of a missing pager":    {env: []string{"PAGER=/usr/bin/env /nowhere/pager", "PATH=/nowhere"}},
		"cat is none":                     {env: []string{"PATH=" + dir, "PAGER=cat"}},
		"not wanted":                      {env: []string{"PATH=" + dir}, args: []string{"--no-pager"}},
		"not on a dumb terminal":          {env: []string{"PATH=" + dir, "TERM=dumb"}},
		"not for a text that fits":        {env: []string{"PATH=" + dir}, rows: 200},
		"not for programs":                {env: []string{"PATH=" + dir}, args: []string{"--json"}},
		"the admin's choice, under sudo":  {env: []string{"PATH=" + dir, "PAGER=/bin/false", "SUDO_UID=1000"}, paged: os.Getuid() == 0},
		"the person's choice, under none": {env: []string{"PATH=" + dir, "PAGER=" + less, "SUDO_UID="}, paged: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := c.rows
			if rows == 0 {
				rows = 24
			}
			term := startWith(t, address, 80, rows, c.env, append([]string{"history", "-n", "0"}, c.args...)...)
			if code := term.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			raw := term.raw.String()
			if paged := strings.HasPrefix(raw, "paged"); paged != c.paged || !strings.Contains(raw, c.says) {
				if name == "the admin's choice, under sudo" && os.Getuid() != 0 {
					return // PAGER is the person's own
				}
				t.Errorf("paged is %v:\n%s", paged, raw)
			}
			if n := strings.Count(raw, "desktop"); n < 40 {
				t.Errorf("%d of 40 lines are there:\n%s", n, raw)
			}
		})
	}
}

func TestARealPagerShowsAScreenAndIsLeft(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("less")
	if err != nil {
		t.Fatal("less is missing: make deps installs it")
	}
	address := manager1test.Bus(t)
	longHistory().Serve(t, address)
	for _, key := range []string{"q", ctrlC + "q"} { // less may be between two keys, and take Ctrl-C for the end of reading
		term := startWith(t, address, 80, 24, []string{"PATH=" + filepath.Dir(path)}, "history", "-n", "0")
		lines := term.await("a screen", func(lines []string) bool { return has("#60")(lines) && has("lines 1-23")(lines) })
		if has("#30")(lines) {
			t.Errorf("not a screen, but all of it:\n%s", strings.Join(lines, "\n"))
		}
		term.press(key)
		if code := term.end(); code != 0 {
			t.Errorf("exit code %d after %q", code, key)
		}
	}
}

// What is printed is never wider than a terminal that is as narrow as that of a
// phone, so that nothing is wrapped in the middle of a word.
func TestANarrowTerminal(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	d := longHistory()
	d.Records[0].Message = "ai.service is not ready after two minutes of waiting for it"
	d.SetPlan("compute", plan(manager1.Deny, "REAPER is recording, and has been since this morning", "there is enough of everything that is needed"))
	d.Modes = []manager1.ModeInfo{{Mode: "desktop", Summary: "Interactive workstation with a GUI and audio", Current: true, Default: true}}
	d.Properties.Degraded = []string{"units/ai.service: wants active, has inactive; say modectl switch desktop"}
	d.Resources = manager1.Resources{CPUs: 32, GPUs: []manager1.GPU{{GPU: "gpu0", Driver: "nvidia", Model: "RTX 6000 Ada Generation", Temperature: 47}}}
	d.Serve(t, address)
	for _, args := range []string{"status --resources", "plan compute", "why compute", "guards compute", "modes -v", "history -n 5", "holds"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			term := start(t, address, 40, 200, strings.Fields(args)...)
			term.end()
			for line := range strings.SplitSeq(strings.ReplaceAll(term.raw.String(), "\r", ""), "\n") {
				if n := len([]rune(line)); n > 40 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

func TestColoursAreForWhomWantsThem(t *testing.T) {
	t.Parallel()
	address := manager1test.Bus(t)
	workstation().Serve(t, address)
	for env, colours := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false, "TERM=dumb": false} {
		term := startWith(t, address, 80, 24, []string{env}, "modes")
		term.end()
		term = startWith(t, address, 80, 24, []string{env}, "plan", "compute")
		term.end()
		if got := strings.Contains(term.raw.String(), "\x1b[3"); got != colours {
			t.Errorf("%s: colours are %v: %q", env, got, term.raw.String())
		}
	}
}
