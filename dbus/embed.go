// Package dbusxml holds the bus contract of moded as it is installed and
// served: the hand-written XML of the interfaces, which is the single source
// of truth, the bus policy and the polkit policy.
//
// The Go side of the contract is package manager1; a test there compares the
// two, and the two policies with them.
package dbusxml

import (
	_ "embed" // for the files below
	"strings"
)

// The files of this folder, byte for byte.
var (
	// Manager1 describes org.modectl.Manager1.
	//
	//go:embed org.modectl.Manager1.xml
	Manager1 string

	// Agents1 describes org.modectl.Agents1, on the same object.
	//
	//go:embed org.modectl.Agents1.xml
	Agents1 string

	// Agent1 describes org.modectl.Agent1, which agents export.
	//
	//go:embed org.modectl.Agent1.xml
	Agent1 string

	// BusPolicy belongs in /usr/share/dbus-1/system.d/org.modectl.Manager1.conf.
	//
	//go:embed org.modectl.Manager1.conf
	BusPolicy string

	// PolkitPolicy belongs in /usr/share/polkit-1/actions/org.modectl.policy.
	//
	//go:embed org.modectl.policy
	PolkitPolicy string
)

// Introspection returns what Introspect answers for an object that has the
// interfaces of the given documents and the standard ones. The text between
// <node> and </node> of each document is served as it stands, prose included.
func Introspection(documents ...string) string {
	var b strings.Builder
	b.WriteString(doctype + "<node>\n")
	for _, doc := range documents {
		_, rest, _ := strings.Cut(doc, "<node>\n")
		body, _, _ := strings.Cut(rest, "</node>")
		b.WriteString(body)
	}
	b.WriteString(standard + "</node>\n")
	return b.String()
}

const doctype = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
`

// standard lists what every object answers. Properties.Set is there because
// the specification has it; all properties are read only.
const standard = `  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
`
