package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Render returns the effective configuration as TOML: all layers merged, each
// table with the place that had the last word on it. Rendered text compiled
// alone gives the same catalog.
func Render(c *Config) string {
	var out strings.Builder
	out.WriteString("# The effective configuration: all layers merged.\n")
	renderTable(&out, c.tree, nil)
	return out.String()
}

// RenderJSON is Render for programs: tables are objects, with their keys sorted.
func RenderJSON(c *Config) json.RawMessage {
	text, err := json.Marshal(c.tree.plain())
	if err != nil {
		panic("internal error: cannot write a configuration as JSON: " + err.Error())
	}
	return text
}

// plain is the node as encoding/json knows it. A number that JSON does not have,
// which no key takes, is its text.
func (n *node) plain() any {
	switch n.shape {
	case aTable:
		table := make(map[string]any, len(n.names))
		for name, child := range n.table {
			table[name] = child.plain()
		}
		return table
	case aList:
		list := make([]any, len(n.list))
		for i, child := range n.list {
			list[i] = child.plain()
		}
		return list
	case aNumber:
		return n.number
	case aDecimal:
		if math.IsNaN(n.decimal) || math.IsInf(n.decimal, 0) {
			return decimal(n.decimal)
		}
		return n.decimal
	case aBool:
		return n.yes
	}
	return n.text
}

func renderTable(out *strings.Builder, t *node, path []string) {
	for _, name := range t.names {
		if child := t.table[name]; !isSection(child) {
			fmt.Fprintf(out, "%s = %s\n", quoteKey(name), inline(child))
		}
	}
	for _, name := range t.names {
		child := t.table[name]
		if !isSection(child) {
			continue
		}
		full := append(path[:len(path):len(path)], quoteKey(name))
		if child.shape == aTable {
			fmt.Fprintf(out, "\n[%s] # %s\n", strings.Join(full, "."), place(child))
			renderTable(out, child, full)
			continue
		}
		for _, entry := range child.list {
			fmt.Fprintf(out, "\n[[%s]] # %s\n", strings.Join(full, "."), place(entry))
			renderTable(out, entry, full)
		}
	}
}

// place is where a table is named, fit for a comment whatever its file is called.
func place(n *node) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, n.key.String())
}

// isSection tells whether a value is written under a header of its own.
func isSection(n *node) bool {
	if n.shape == aList {
		return len(n.list) > 0 && n.list[0].shape == aTable && allTables(n.list)
	}
	return n.shape == aTable
}

func allTables(list []*node) bool {
	for _, n := range list {
		if n.shape != aTable {
			return false
		}
	}
	return true
}

func inline(n *node) string {
	switch n.shape {
	case aTable:
		parts := make([]string, len(n.names))
		for i, name := range n.names {
			parts[i] = quoteKey(name) + " = " + inline(n.table[name])
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case aList:
		parts := make([]string, len(n.list))
		for i, child := range n.list {
			parts[i] = inline(child)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case aText:
		return quote(n.text)
	case aNumber:
		return strconv.FormatInt(n.number, 10)
	case aDecimal:
		return decimal(n.decimal)
	case aBool:
		return strconv.FormatBool(n.yes)
	}
	return n.text
}

// decimal writes a number so that TOML reads it as a float again.
func decimal(f float64) string {
	s := strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64)), "+")
	if strings.ContainsAny(s, ".in") {
		return s
	}
	return s + ".0"
}

// quoteKey writes a key bare where TOML allows it.
func quoteKey(key string) string {
	bare := func(r rune) bool {
		return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if key != "" && strings.TrimFunc(key, bare) == "" {
		return key
	}
	return quote(key)
}

// quote writes a TOML basic string. Go's quoting knows escapes that TOML does
// not.
func quote(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
