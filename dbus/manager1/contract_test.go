package manager1_test

import (
	"encoding/xml"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	dbusxml "github.com/modectl/moded/dbus"
	"github.com/modectl/moded/dbus/manager1"
)

// The drift tests: the XML is the truth, and everything else agrees with it.

type node struct {
	Interfaces []iface `xml:"interface"`
}

type iface struct {
	Name       string   `xml:"name,attr"`
	Methods    []member `xml:"method"`
	Properties []member `xml:"property"`
	Signals    []member `xml:"signal"`
}

type member struct {
	Name   string `xml:"name,attr"`
	Type   string `xml:"type,attr"`
	Access string `xml:"access,attr"`
	Args   []arg  `xml:"arg"`
}

type arg struct {
	Type      string `xml:"type,attr"`
	Direction string `xml:"direction,attr"`
}

func parse(t *testing.T, doc string) iface {
	t.Helper()
	var n node
	if err := xml.Unmarshal([]byte(doc), &n); err != nil {
		t.Fatal(err)
	}
	return n.Interfaces[0]
}

func names(members []member) []string {
	var list []string
	for _, m := range members {
		list = append(list, m.Name)
	}
	return list
}

func sameSet(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestNamesAreThoseOfTheXML(t *testing.T) {
	t.Parallel()
	m, agents, agent := parse(t, dbusxml.Manager1), parse(t, dbusxml.Agents1), parse(t, dbusxml.Agent1)
	sameSet(t, "interfaces", []string{m.Name, agents.Name, agent.Name},
		[]string{manager1.Interface, manager1.AgentsInterface, manager1.AgentInterface})
	sameSet(t, "methods", names(m.Methods), []string{
		manager1.MethodSwitchMode, manager1.MethodPlan, manager1.MethodCanSwitch, manager1.MethodCancel,
		manager1.MethodConfirm, manager1.MethodProceed, manager1.MethodRecover, manager1.MethodReload,
		manager1.MethodHold, manager1.MethodRelease, manager1.MethodListModes, manager1.MethodListHolds,
		manager1.MethodListHistory, manager1.MethodGetTransition, manager1.MethodResources, manager1.MethodVerify,
	})
	sameSet(t, "properties", names(m.Properties), []string{
		manager1.PropMode, manager1.PropTarget, manager1.PropTransition, manager1.PropLastTransition,
		manager1.PropLastVerdicts, manager1.PropDegraded, manager1.PropHolds, manager1.PropModes, manager1.PropVersion,
	})
	sameSet(t, "signals", names(m.Signals), []string{
		manager1.SignalModeChanged, manager1.SignalTransitionStarted,
		manager1.SignalStepChanged, manager1.SignalTransitionFinished,
	})
	sameSet(t, "agent methods", append(names(agents.Methods), names(agent.Methods)...), []string{
		manager1.MethodRegisterAgent, manager1.MethodReportAudio,
		manager1.MethodApply, manager1.MethodCapture, manager1.MethodNotify,
	})
}

func TestTheClientHasEachMethod(t *testing.T) {
	t.Parallel()
	for _, name := range names(parse(t, dbusxml.Manager1).Methods) {
		if _, ok := reflect.TypeFor[*manager1.Client]().MethodByName(name); !ok {
			t.Errorf("Client has no method %s", name)
		}
	}
}

func TestOnlyTypesThatEveryClientCanRead(t *testing.T) {
	t.Parallel()
	allowed := []string{"s", "b", "u", "x", "d", "o", "as", "a{sv}", "aa{sv}"}
	for _, doc := range []string{dbusxml.Manager1, dbusxml.Agents1, dbusxml.Agent1} {
		i := parse(t, doc)
		for _, p := range i.Properties {
			if !slices.Contains(allowed, p.Type) || p.Access != "read" {
				t.Errorf("%s.%s: type %s, access %s", i.Name, p.Name, p.Type, p.Access)
			}
		}
		for _, m := range append(i.Methods, i.Signals...) {
			for _, a := range m.Args {
				if !slices.Contains(allowed, a.Type) {
					t.Errorf("%s.%s: type %s", i.Name, m.Name, a.Type)
				}
			}
		}
	}
}

func TestEveryMemberHasAParagraph(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{dbusxml.Manager1, dbusxml.Agents1, dbusxml.Agent1} {
		i := parse(t, doc)
		for _, m := range slices.Concat(i.Methods, i.Properties, i.Signals) {
			begin := regexp.MustCompile(`<!--\n      ` + m.Name + `: (?s:[^<]+?)-->\n    <(method|property|signal) name="` + m.Name + `"`)
			if !begin.MatchString(doc) {
				t.Errorf("%s.%s has no comment right before it that begins with its name", i.Name, m.Name)
			}
		}
	}
}

// section returns the text between two marks of a document.
func section(t *testing.T, doc, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(doc, from)
	text, _, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("no %q … %q in the XML", from, to)
	}
	return text
}

var keyLine = regexp.MustCompile(`(?m)^\s*- ([a-z0-9-]+) \(([a-z{}]+)\): `)

// beyond leaves out the keys of a Culprit, with which some dictionaries begin.
func beyond(keys []manager1.Key) []manager1.Key {
	return keys[len(manager1.KeysOf(&manager1.Culprit{})):]
}

func TestDictionaryKeysAreThoseOfTheXML(t *testing.T) {
	t.Parallel()
	const m, end = "### ", "###"
	for _, c := range []struct {
		name, doc, from, to string
		keys                []manager1.Key
	}{
		{"Verdict", dbusxml.Manager1, m + "Verdict\n", end, manager1.KeysOf(&manager1.Verdict{})},
		{"Culprit", dbusxml.Manager1, m + "Culprit\n", end, manager1.KeysOf(&manager1.Culprit{})},
		{"Session", dbusxml.Manager1, m + "Session\n", end, manager1.KeysOf(&manager1.Session{})},
		{"Step", dbusxml.Manager1, m + "Step\n", end, manager1.KeysOf(&manager1.Step{})},
		{"Record", dbusxml.Manager1, m + "Record\n", "-->", manager1.KeysOf(&manager1.Record{})},
		{"Gpu", dbusxml.Manager1, m + "Gpu\n", end, manager1.KeysOf(&manager1.GPU{})},
		{"Holder", dbusxml.Manager1, m + "Holder\n", end, beyond(manager1.KeysOf(&manager1.Holder{}))},
		{"Instance", dbusxml.Manager1, m + "Instance\n", end, manager1.KeysOf(&manager1.Instance{})},
		{"Job", dbusxml.Manager1, m + "Job\n", end, beyond(manager1.KeysOf(&manager1.Job{}))},
		{"Lock", dbusxml.Manager1, m + "Lock\n", end, beyond(manager1.KeysOf(&manager1.Lock{}))},
		{"Inhibitor", dbusxml.Manager1, m + "Inhibitor\n", end, manager1.KeysOf(&manager1.Inhibitor{})},
		{"Daw", dbusxml.Manager1, m + "Daw\n", end, manager1.KeysOf(&manager1.DAW{})},
		{"Vllm", dbusxml.Manager1, m + "Vllm\n", end, manager1.KeysOf(&manager1.VLLM{})},
		{"Pod", dbusxml.Manager1, m + "Pod\n", end, manager1.KeysOf(&manager1.Pod{})},
		{"Part", dbusxml.Manager1, m + "Part\n", end, manager1.KeysOf(&manager1.Part{})},
		{"AudioUser", dbusxml.Manager1, m + "AudioUser\n", end, manager1.KeysOf(&manager1.AudioUser{})},
		{"Unit", dbusxml.Manager1, m + "Unit\n", "-->", manager1.KeysOf(&manager1.Unit{})},
		{"ListModes", dbusxml.Manager1, "  ListModes:", "-->", manager1.KeysOf(&manager1.ModeInfo{})},
		{"ListHolds", dbusxml.Manager1, "  ListHolds:", "-->", manager1.KeysOf(&manager1.HoldInfo{})},
		{"Resources", dbusxml.Manager1, "  Resources:", end, manager1.KeysOf(&manager1.Resources{})},
		{"Verify", dbusxml.Manager1, "  Verify:", "-->", manager1.KeysOf(&manager1.Setting{})},
		{"Transition", dbusxml.Manager1, "  Transition:", "-->", manager1.KeysOf(&manager1.Progress{})},
		{"RegisterAgent", dbusxml.Agents1, "  RegisterAgent:", "-->", manager1.KeysOf(&manager1.Agent{})},
		{"summary", dbusxml.Agents1, "summary:\n", "nodes,", manager1.KeysOf(&manager1.AudioSummary{})},
		{"nodes", dbusxml.Agents1, "nodes,", "-->", manager1.KeysOf(&manager1.AudioNode{})},
		{"Apply audio", dbusxml.Agent1, "want, for kind audio", "want,", manager1.KeysOf(&manager1.AudioOrder{})},
		{"Capture audio", dbusxml.Agent1, "For kind audio", "For kind", manager1.KeysOf(&manager1.AudioState{})},
		{"Notify", dbusxml.Agent1, "  Notify:", "-->", manager1.KeysOf(&manager1.Notification{})},
	} {
		var want []manager1.Key
		for _, match := range keyLine.FindAllStringSubmatch(section(t, c.doc, c.from, c.to), -1) {
			want = append(want, manager1.Key{Name: match[1], Signature: match[2]})
		}
		if !slices.Equal(c.keys, want) {
			t.Errorf("%s:\n  Go %v\n XML %v", c.name, c.keys, want)
		}
	}
}

func TestErrorNamesAreThoseOfTheXML(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, match := range regexp.MustCompile(`(?m)^    - ([A-Z]\w+): `).FindAllStringSubmatch(dbusxml.Manager1, -1) {
		documented = append(documented, "org.modectl.Error."+match[1])
	}
	sameSet(t, "errors", documented, []string{
		manager1.ErrUnknownMode, manager1.ErrNotAllowed, manager1.ErrBusy, manager1.ErrRefused, manager1.ErrStuck,
		manager1.ErrInvalidArgument, manager1.ErrNotFound, manager1.ErrNotSupported, manager1.ErrLimitsExceeded,
		manager1.ErrFailed,
	})
}

func TestBusPolicyAllowsEachMethodAndNothingElse(t *testing.T) {
	t.Parallel()
	type rule struct {
		Destination string `xml:"send_destination,attr"`
		Interface   string `xml:"send_interface,attr"`
		Member      string `xml:"send_member,attr"`
		Own         string `xml:"own,attr"`
	}
	var policy struct {
		Policies []struct {
			Context string `xml:"context,attr"`
			User    string `xml:"user,attr"`
			Allow   []rule `xml:"allow"`
		} `xml:"policy"`
	}
	if err := xml.Unmarshal([]byte(dbusxml.BusPolicy), &policy); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"org.freedesktop.DBus.Properties.Get", "org.freedesktop.DBus.Properties.GetAll",
		"org.freedesktop.DBus.Introspectable.Introspect", "org.freedesktop.DBus.Peer.Ping",
	}
	for _, doc := range []string{dbusxml.Manager1, dbusxml.Agents1} {
		i := parse(t, doc)
		for _, name := range names(i.Methods) {
			want = append(want, i.Name+"."+name)
		}
	}
	var got []string
	for _, p := range policy.Policies {
		for _, r := range p.Allow {
			if p.Context == "default" {
				got = append(got, r.Interface+"."+r.Member)
				if r.Destination != manager1.BusName {
					t.Errorf("%s.%s: destination %q", r.Interface, r.Member, r.Destination)
				}
			} else if r != (rule{Own: manager1.BusName}) && r != (rule{Interface: manager1.AgentInterface}) {
				t.Errorf("policy of %s allows %+v", p.User, r)
			}
		}
	}
	sameSet(t, "bus policy", got, want)
}

func TestPolkitPolicyHasEachActionAndNothingElse(t *testing.T) {
	t.Parallel()
	var policy struct {
		Actions []struct {
			ID       string `xml:"id,attr"`
			Message  string `xml:"message"`
			Any      string `xml:"defaults>allow_any"`
			Inactive string `xml:"defaults>allow_inactive"`
			Active   string `xml:"defaults>allow_active"`
		} `xml:"action"`
	}
	if err := xml.Unmarshal([]byte(dbusxml.PolkitPolicy), &policy); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range policy.Actions {
		got = append(got, strings.Join([]string{a.ID, a.Any, a.Inactive, a.Active}, " "))
	}
	sameSet(t, "polkit policy", got, []string{
		manager1.ActionSwitchMode + " auth_admin auth_admin yes",
		manager1.ActionEndOwnSession + " auth_admin auth_admin yes",
		manager1.ActionLeaveHeadless + " auth_admin_keep auth_admin_keep yes",
		manager1.ActionEndSessions + " auth_admin auth_admin auth_admin",
		manager1.ActionHold + " yes yes yes",
		manager1.ActionHoldAll + " auth_admin yes yes",
		manager1.ActionOverrideGuards + " auth_admin auth_admin auth_admin",
		manager1.ActionAdminister + " auth_admin auth_admin auth_admin",
	})
	for _, a := range policy.Actions {
		ends := strings.Contains(a.ID, "end-") || strings.Contains(a.ID, "override")
		if ends && (!strings.Contains(a.Message, "$(mode)") || !strings.Contains(a.Message, "$(victims)") || !strings.Contains(a.Message, "close")) {
			t.Errorf("%s: the prompt must name the mode, the victims and that programs close: %s", a.ID, a.Message)
		}
	}
}

func TestIntrospectionServesTheDocumentsAsTheyStand(t *testing.T) {
	t.Parallel()
	text := dbusxml.Introspection(dbusxml.Manager1, dbusxml.Agents1)
	var n node
	if err := xml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range n.Interfaces {
		got = append(got, i.Name)
	}
	sameSet(t, "interfaces", got, []string{
		manager1.Interface, manager1.AgentsInterface, "org.freedesktop.DBus.Peer",
		"org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties",
	})
	if !strings.Contains(text, "Only s, b, u, x, d, o, as, a{sv} and aa{sv} are used.") {
		t.Error("the prose is missing")
	}
}
