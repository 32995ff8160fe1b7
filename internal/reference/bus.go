package reference

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	dbusxml "github.com/modectl/moded/dbus"
)

const busIntro = `# The bus

<!-- Made from dbus/*.xml and dbus/org.modectl.policy by make generate; a test fails when it is stale. -->

The contract with applets, scripts and agents, which those files are: the daemon serves
them for introspection, so that this page is also what

` + "```text\nbusctl introspect org.modectl.Manager1 /org/modectl/Manager1\n```" + `

shows, with prose. For Go there is a client in
[dbus/manager1](../../dbus/manager1).

- [org.modectl.Manager1](#orgmodectlmanager1): modes and the way from one to another
- [org.modectl.Agents1](#orgmodectlagents1): where agents report
- [org.modectl.Agent1](#orgmodectlagent1): what an agent does for the daemon
- [Rights](#rights): who may do what without a password
`

// Bus is docs/reference/bus.md: the contract's own prose, each member under its
// signature, and the actions of polkit.
func Bus() (string, error) {
	var b strings.Builder
	b.WriteString(busIntro)
	for _, doc := range []string{dbusxml.Manager1, dbusxml.Agents1, dbusxml.Agent1} {
		if err := writeInterface(&b, doc); err != nil {
			return "", err
		}
	}
	err := writeRights(&b, dbusxml.PolkitPolicy)
	return b.String(), err
}

// member is a method, a signal or a property with what the comment above it says.
type member struct {
	kind, name, kindOf string
	in, out            []string
	prose              string
}

// writeInterface writes a document of introspection, its members in its order.
func writeInterface(b *strings.Builder, doc string) error {
	prose := ""
	var m *member
	for dec := xml.NewDecoder(strings.NewReader(doc)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read an interface: %w", err)
		}
		switch t := token.(type) {
		case xml.Comment:
			prose = unindented(string(t))
		case xml.StartElement:
			switch name := attribute(t, "name"); t.Name.Local {
			case "interface":
				fmt.Fprintf(b, "\n## %s\n\n%s\n", name, prose)
			case "arg":
				m.argue(attribute(t, "direction"), attribute(t, "type")+" "+name)
			case "method", "signal", "property":
				m = &member{kind: t.Name.Local, name: name, kindOf: attribute(t, "type"), prose: prose}
			}
		case xml.EndElement:
			if m != nil && t.Name.Local == m.kind {
				m.write(b)
				m = nil
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (m *member) argue(direction, arg string) {
	if m == nil {
		return
	}
	if direction == "out" {
		m.out = append(m.out, arg)
	} else {
		m.in = append(m.in, arg)
	}
}

func (m *member) write(b *strings.Builder) {
	signature := m.kindOf + " " + m.name
	if m.kind != "property" {
		signature = m.name + "(" + strings.Join(m.in, ", ") + ")"
	}
	if len(m.out) > 0 {
		signature += " → " + strings.Join(m.out, ", ")
	}
	prose := strings.TrimSpace(strings.TrimPrefix(m.prose, m.name+":"))
	if prose != "" {
		prose = strings.ToUpper(prose[:1]) + prose[1:]
	}
	fmt.Fprintf(b, "\n### %s\n\n```text\n%s %s\n```\n\n%s\n", m.name, m.kind, signature, prose)
}

// unindented takes from each line what all of them are indented by, and gives
// lists the empty line before them that Markdown wants.
func unindented(text string) string {
	lines := strings.Split(strings.Trim(text, "\n "), "\n")
	var out []string
	for i, line := range lines {
		line = strings.TrimSpace(line)
		item := strings.HasPrefix(line, "- ")
		if item && i > 0 && out[len(out)-1] != "" && !inList(out) {
			out = append(out, "")
		}
		if !item && line != "" && i > 0 && inList(out) {
			line = "  " + line
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// inList tells whether the last line belongs to a list.
func inList(lines []string) bool {
	last := lines[len(lines)-1]
	return strings.HasPrefix(last, "- ") || strings.HasPrefix(last, "  ")
}

// policy is what of polkit's file is shown.
type policy struct {
	Actions []struct {
		ID          string `xml:"id,attr"`
		Description string `xml:"description"`
		Defaults    struct {
			Any      string `xml:"allow_any"`
			Inactive string `xml:"allow_inactive"`
			Active   string `xml:"allow_active"`
		} `xml:"defaults"`
	} `xml:"action"`
}

const rightsIntro = `
## Rights

Reads are everybody's, a plan included. A call that changes something is one action of
polkit, the strongest that applies; a rule in ` + "`/etc/polkit-1/rules.d`" + ` may say otherwise.
*At the screen* is a user with an active session on a seat. ` + "`auth_admin`" + ` asks for an
administrator's password each time, ` + "`auth_admin_keep`" + ` once for a few minutes.

| action | what for | at the screen | logged in, not active | else, such as over SSH |
|---|---|---|---|---|
`

func writeRights(b *strings.Builder, file string) error {
	var p policy
	if err := xml.Unmarshal([]byte(file), &p); err != nil {
		return fmt.Errorf("cannot read the policy: %w", err)
	}
	b.WriteString(rightsIntro)
	for _, a := range p.Actions {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", a.ID, a.Description, a.Defaults.Active, a.Defaults.Inactive, a.Defaults.Any)
	}
	return nil
}
