package housetest_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dbusxml "github.com/modectl/moded/dbus"
)

const plasmoid = top + "/desktop/plasma/org.modectl.moded"

// contract is what the XML of the bus offers: the signatures of methods by name,
// properties, and the keys of dictionaries by the dictionary's name.
type contract struct {
	methods    map[string]string
	properties []string
	keys       map[string][]string
}

// dictionary is the heading of one in the XML's comments, and key a line of it.
var (
	dictionary = regexp.MustCompile(`^(?:### |)([A-Z]\w+)(?:$|: )`)
	key        = regexp.MustCompile(`^- ([a-z0-9-]+) \([a-z{}]+\):`)
)

func readContract(t *testing.T) contract {
	t.Helper()
	var doc struct {
		Methods []struct {
			Name string `xml:"name,attr"`
			Args []struct {
				Type      string `xml:"type,attr"`
				Direction string `xml:"direction,attr"`
			} `xml:"arg"`
		} `xml:"interface>method"`
		Properties []struct {
			Name string `xml:"name,attr"`
		} `xml:"interface>property"`
	}
	if err := xml.Unmarshal([]byte(dbusxml.Manager1), &doc); err != nil {
		t.Fatal(err)
	}
	c := contract{methods: map[string]string{}, keys: map[string][]string{}}
	for _, m := range doc.Methods {
		for _, a := range m.Args {
			if a.Direction == "in" {
				c.methods[m.Name] += a.Type
			}
		}
		if c.methods[m.Name] != "" {
			c.methods[m.Name] = "(" + c.methods[m.Name] + ")"
		} else {
			c.methods[m.Name] = ""
		}
	}
	for _, p := range doc.Properties {
		c.properties = append(c.properties, p.Name)
	}
	name := ""
	for line := range strings.Lines(dbusxml.Manager1) {
		line = strings.TrimSpace(line)
		if m := dictionary.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if m := key.FindStringSubmatch(line); m != nil {
			c.keys[name] = append(c.keys[name], m[1])
		}
	}
	return c
}

// plasmaSources are the applet's files, by name.
func plasmaSources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"contents/ui/*.qml", "contents/code/*.js"} {
		files, err := filepath.Glob(filepath.Join(plasmoid, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(file)] = string(raw)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d files below %s", len(all), plasmoid)
	}
	return all
}

// The applet's ways of speaking: a call with its signature, a property, and a
// key of a dictionary, whose variable is named after it.
var (
	busCall     = regexp.MustCompile(`bus\.call\("(\w+)", "([^"]*)"`)
	busProperty = regexp.MustCompile(`(?:values|before)\.([A-Z]\w*)`)
	busKey      = regexp.MustCompile(`\b(transition|verdict|step|session|record|about|hold|Transition|open)(?:\?\.|\.|\[")([a-z][a-z-]*)\b`)
	busNames    = map[string]string{
		"transition": "Transition", "Transition": "Transition", "open": "Transition", "verdict": "Verdict", "step": "Step",
		"session": "Session", "record": "Record", "about": "ListModes", "hold": "ListHolds",
	}
)

func TestThePlasmaAppletSpeaksTheBusContract(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	calls, properties, keys := 0, 0, 0
	for file, text := range plasmaSources(t) {
		for _, m := range busCall.FindAllStringSubmatch(text, -1) {
			calls++
			if in, found := c.methods[m[1]]; !found || in != m[2] {
				t.Errorf("%s calls %s%s; the contract has %q", file, m[1], m[2], in)
			}
		}
		if n := strings.Count(text, "bus.call("); n != len(busCall.FindAllString(text, -1)) {
			t.Errorf("%s calls what this test cannot read", file)
		}
		for _, m := range busProperty.FindAllStringSubmatch(text, -1) {
			properties++
			if !slices.Contains(c.properties, m[1]) {
				t.Errorf("%s reads the property %s, which is not there", file, m[1])
			}
		}
		if file != "words.js" && file != "Progress.qml" {
			continue // there the words mean other things, too
		}
		for _, m := range busKey.FindAllStringSubmatch(text, -1) {
			keys++
			if name := busNames[m[1]]; !slices.Contains(c.keys[name], m[2]) {
				t.Errorf("%s reads %s of a %s, whose keys are %v", file, m[2], name, c.keys[name])
			}
		}
	}
	if calls < 8 || properties < 8 || keys < 20 {
		t.Errorf("found only %d calls, %d properties and %d keys", calls, properties, keys)
	}
}

func TestThePlasmaAppletIsInstalledWhole(t *testing.T) {
	t.Parallel()
	words := installed(t)
	for _, want := range []string{"metadata.json", "contents/ui/*.qml", "contents/code/*.js"} {
		if !slices.Contains(words, "desktop/plasma/org.modectl.moded/"+want) {
			t.Errorf("make install does not install %s", want)
		}
	}
}
