package main

// polkitScenarios are about who may do what.
func polkitScenarios() []scenario {
	return []scenario{short("polkit-matrix", 240, polkitMatrix)}
}

// Exit codes of modectl that the matrix knows.
const (
	authorised    = 0
	notAuthorised = 4
)

// caller is a way of asking.
type caller struct {
	name string
	run  func(line string) result
}

// polkitMatrix asks for the same things in every way there is. Nobody can
// answer a prompt here, so what needs a password is denied.
func polkitMatrix(t *T) {
	dev, err := t.seated("dev")
	t.must(err)
	root := caller{"root", func(line string) result { return t.Sh("%s", line) }}
	active := caller{"dev in the active session", func(line string) result { return t.inSession(dev, line) }}
	manager := caller{"dev by systemd-run --user", func(line string) result { return t.inManager("dev", line) }}
	ssh := caller{"dev over ssh", func(line string) result { return t.overSSH("dev", line) }}
	other := caller{"other over ssh", func(line string) result { return t.overSSH("other", line) }}

	t.expect(other, "switch", "modectl switch studio", notAuthorised)
	t.expect(ssh, "switch", "modectl switch studio", notAuthorised)
	for _, c := range []caller{root, active, manager} {
		t.expect(c, "switch", "modectl switch studio", authorised)
		t.expect(root, "switch", "modectl switch desktop", authorised)
	}
	for _, c := range []caller{active, manager, ssh, other} {
		t.expect(c, "override", "modectl switch studio --force", notAuthorised)
		t.expect(c, "administer", "modectl reload", notAuthorised)
	}
	t.expect(root, "administer", "modectl reload", authorised)
	t.Login(login{user: "other", kind: "tty"}) // else other's PipeWire starts with each call, and is not seen yet
	t.allowed("compute")
	t.expect(other, "end others' sessions", switchAndGo("compute"), notAuthorised)
	t.expect(ssh, "end own session", switchAndGo("compute"), notAuthorised)
	if got := t.mode(); got != "desktop" {
		t.Fatalf("mode is %s after what was denied", got)
	}
	t.expect(active, "end own session", switchAndGo("compute"), authorised)
	t.Eventually("mode compute", switchLimit, t.wantMode("compute"))

	t.expect(other, "leave headless", switchAndGo("desktop"), notAuthorised)
	t.expect(ssh, "leave headless", switchAndGo("desktop"), notAuthorised)
	console := t.Login(login{user: "dev", vt: 2, kind: "tty"})
	t.Must("chvt", "2")
	t.expect(caller{"dev at the console", func(line string) result { return t.inSession(console, line) }},
		"leave headless", switchAndGo("desktop"), authorised)
	t.Eventually("mode desktop", switchLimit, t.wantMode("desktop"))
	if err := t.alive(console.ID); err != nil {
		t.Errorf("the console session was ended: %v", err)
	}
}

// switchAndGo asks for a mode and does not wait for it: the caller may be in
// the session that ends.
func switchAndGo(mode string) string { return "modectl switch " + mode + " --yes --no-wait" }

// expect asks and compares the exit code.
func (t *T) expect(c caller, what, line string, code int) {
	r := c.run(line)
	if r.code != code {
		t.Errorf("%s, %s: exit %d, want %d", c.name, what, r.code, code)
		return
	}
	t.Logf("ok: %s, %s: exit %d", c.name, what, r.code)
}
