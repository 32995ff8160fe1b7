package main

import (
	"encoding/xml"
	"fmt"
	"regexp"

	dbusxml "github.com/modectl/moded/dbus"
)

// errorf is short for the errors of conditions.
var errorf = fmt.Errorf

// node is the part of an introspection document that has names.
type node struct {
	Interfaces []struct {
		Name       string   `xml:"name,attr"`
		Methods    []member `xml:"method"`
		Signals    []member `xml:"signal"`
		Properties []member `xml:"property"`
	} `xml:"interface"`
}

type member struct {
	Name string `xml:"name,attr"`
}

// introspection: busctl lists every member of the contract.
func introspection(t *T) {
	for _, document := range []string{dbusxml.Manager1, dbusxml.Agents1} {
		var n node
		t.must(xml.Unmarshal([]byte(document), &n))
		for _, i := range n.Interfaces {
			listing := t.Must("busctl", "introspect", "--no-pager", "--no-legend", busName, busPath, i.Name).out
			for kind, members := range map[string][]member{"method": i.Methods, "signal": i.Signals, "property": i.Properties} {
				for _, m := range members {
					if !regexp.MustCompile(`(?m)^\.` + m.Name + `\s+` + kind + `\s`).MatchString(listing) {
						t.Errorf("busctl does not list the %s %s.%s", kind, i.Name, m.Name)
					}
				}
			}
		}
	}
}
