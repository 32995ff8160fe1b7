package server_test

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	dbusxml "github.com/modectl/moded/dbus"
	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/server"
)

// The contract: XML, method table, bus policy and polkit policy name the
// same methods and actions.

type document struct {
	Interfaces []struct {
		Name    string `xml:"name,attr"`
		Methods []struct {
			Name string `xml:"name,attr"`
			Args []struct {
				Type      string `xml:"type,attr"`
				Direction string `xml:"direction,attr"`
			} `xml:"arg"`
		} `xml:"method"`
	} `xml:"interface"`
}

// inXML lists "interface.member(in)out" of what Introspect serves.
func inXML(t *testing.T) []string {
	t.Helper()
	var d document
	if err := xml.Unmarshal([]byte(dbusxml.Introspection(dbusxml.Manager1, dbusxml.Agents1)), &d); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range d.Interfaces {
		for _, m := range i.Methods {
			in, out := "", ""
			for _, a := range m.Args {
				if a.Direction == "out" {
					out += a.Type
				} else {
					in += a.Type
				}
			}
			list = append(list, i.Name+"."+m.Name+"("+in+")"+out)
		}
	}
	slices.Sort(list)
	return list
}

func TestTheTableIsTheXML(t *testing.T) {
	t.Parallel()
	var table []string
	for _, r := range server.Table() {
		table = append(table, r.Interface+"."+r.Member+"("+r.In+")"+r.Out)
	}
	slices.Sort(table)
	if want := inXML(t); !slices.Equal(table, want) {
		t.Errorf("table\n%s\nXML\n%s", strings.Join(table, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheBusPolicyLetsExactlyTheTableThrough(t *testing.T) {
	t.Parallel()
	type rule struct {
		Destination string `xml:"send_destination,attr"`
		Interface   string `xml:"send_interface,attr"`
		Member      string `xml:"send_member,attr"`
		Own         string `xml:"own,attr"`
	}
	var conf struct {
		Policies []struct {
			User    string `xml:"user,attr"`
			Context string `xml:"context,attr"`
			Allow   []rule `xml:"allow"`
			Deny    []rule `xml:"deny"`
		} `xml:"policy"`
	}
	if err := xml.Unmarshal([]byte(dbusxml.BusPolicy), &conf); err != nil {
		t.Fatal(err)
	}
	var allowed, table []string
	for _, p := range conf.Policies {
		for _, a := range p.Allow {
			switch {
			case p.User == "root" && (a == rule{Own: manager1.BusName} || a == rule{Interface: manager1.AgentInterface}):
			case p.Context == "default" && a.Destination == manager1.BusName && a.Member != "":
				allowed = append(allowed, a.Interface+"."+a.Member)
			default:
				t.Errorf("a rule that nobody needs: %+v", a)
			}
		}
	}
	for _, r := range server.Table() {
		if r.Member != "Set" { // all properties are read only
			table = append(table, r.Interface+"."+r.Member)
		}
	}
	slices.Sort(allowed)
	slices.Sort(table)
	if !slices.Equal(allowed, table) {
		t.Errorf("policy\n%s\ntable\n%s", strings.Join(allowed, "\n"), strings.Join(table, "\n"))
	}
}

func TestThePolkitPolicyHasExactlyTheTablesActions(t *testing.T) {
	t.Parallel()
	var policy struct {
		Actions []struct {
			ID string `xml:"id,attr"`
		} `xml:"action"`
	}
	if err := xml.Unmarshal([]byte(dbusxml.PolkitPolicy), &policy); err != nil {
		t.Fatal(err)
	}
	var have, used []string
	for _, a := range policy.Actions {
		have = append(have, a.ID)
	}
	for _, r := range server.Table() {
		used = append(used, r.Actions...)
		if len(r.Actions) > 0 && !r.Changes {
			t.Errorf("%s is authorised and would take a call without a reply", r.Member)
		}
	}
	slices.Sort(have)
	slices.Sort(used)
	if used = slices.Compact(used); !slices.Equal(have, used) {
		t.Errorf("policy %v\ntable %v", have, used)
	}
}
