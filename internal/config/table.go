package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// table reads one table key by key, remembers what was asked for, and reports
// the rest as unknown. A problem yields the fallback, so that reading goes on.
type table struct {
	*node
	path  string
	probs *problems
	asked []string
}

// tableOf reads n as a table; what is none is reported and read as empty.
func tableOf(n *node, path string, probs *problems) *table {
	if n == nil {
		n = newTable(Position{})
	}
	if n.shape != aTable {
		probs.addf(n.at, "%s must be a table, not %s", path, n.shape)
		n = newTable(n.at)
	}
	return &table{node: n, path: path, probs: probs}
}

// knobTable reads n as a table, or as a short form that states only main.
func knobTable(n *node, path, main string, probs *problems) *table {
	if n.shape != aTable {
		short := newTable(n.at)
		short.key = n.key
		short.set(main, n)
		n = short
	}
	return tableOf(n, path, probs)
}

// key returns the value of a key and counts it as known. Each key that is asked
// for must stand in the tables of keys*.go.
func (t *table) key(name string) *node {
	t.asked = append(t.asked, name)
	t.probs.ask(t.pathOf(name))
	return t.get(name)
}

func (t *table) pathOf(name string) string {
	if t.path == "" {
		return name
	}
	return t.path + "." + quoteKey(name)
}

// sub reads a key as a table of its own; a missing one is empty.
func (t *table) sub(name string) *table {
	return tableOf(t.key(name), t.pathOf(name), t.probs)
}

// typed returns the key's value when it has the shape, nil when it is not
// there, and reports it when it is something else.
func (t *table) typed(name string, want shape) *node {
	n := t.key(name)
	if n != nil && n.shape != want {
		t.probs.addf(n.at, "%s must be %s, not %s", t.pathOf(name), want, n.shape)
		return nil
	}
	return n
}

func (t *table) boolean(name string, fallback bool) bool {
	if n := t.typed(name, aBool); n != nil {
		return n.yes
	}
	return fallback
}

// str reads a text of at most 256 printable characters.
func (t *table) str(name, fallback string) string {
	n := t.typed(name, aText)
	if n == nil || !t.printable(n, t.pathOf(name)) {
		return fallback
	}
	return n.text
}

func (t *table) printable(n *node, path string) bool {
	if len([]rune(n.text)) > 256 {
		t.probs.addf(n.at, "%s is longer than 256 characters", path)
		return false
	}
	if strings.IndexFunc(n.text, unicode.IsControl) >= 0 {
		t.probs.addf(n.at, "%s holds a control character: write it on one line", path)
		return false
	}
	return true
}

// oneOf reads a text that must be one of a few words.
func (t *table) oneOf(name, fallback string, words ...string) string {
	t.probs.ask(t.pathOf(name), words...)
	n := t.typed(name, aText)
	if n == nil {
		return fallback
	}
	if !slices.Contains(words, n.text) {
		t.probs.addf(n.at, "%s cannot be %q: say %s", t.pathOf(name), n.text, alternatives(words))
		return fallback
	}
	return n.text
}

// strs reads a list of texts; its nodes come beside them for their positions.
func (t *table) strs(name string) ([]string, []*node) {
	n := t.typed(name, aList)
	if n == nil {
		return nil, nil
	}
	texts := make([]string, 0, len(n.list))
	nodes := make([]*node, 0, len(n.list))
	for _, e := range n.list {
		if e.shape != aText {
			t.probs.addf(e.at, "%s must list texts, not %s", t.pathOf(name), e.shape)
			continue
		}
		if slices.Contains(texts, e.text) {
			t.probs.addf(e.at, "%s names %q twice", t.pathOf(name), e.text)
			continue
		}
		texts, nodes = append(texts, e.text), append(nodes, e)
	}
	return texts, nodes
}

// duration reads a span like "30s"; empty or missing gives the fallback.
func (t *table) duration(name string, fallback time.Duration) time.Duration {
	n := t.typed(name, aText)
	if n == nil || n.text == "" {
		return fallback
	}
	d, err := time.ParseDuration(n.text)
	if err != nil || d < 0 || d > 24*time.Hour {
		t.probs.addf(n.at, "%s cannot be %q: give a time such as \"30s\", \"2m\" or \"1h30m\", at most 24h", t.pathOf(name), n.text)
		return fallback
	}
	return d
}

// numberIn reads a whole number between two bounds; nil when it is missing.
func (t *table) numberIn(name string, low, high int64) *int64 {
	n := t.typed(name, aNumber)
	if n == nil {
		return nil
	}
	if n.number < low || n.number > high {
		t.probs.addf(n.at, "%s cannot be %d: give a number from %d to %d", t.pathOf(name), n.number, low, high)
		return nil
	}
	return &n.number
}

// done reports every key that nobody asked for.
func (t *table) done() {
	for _, name := range t.names {
		if slices.Contains(t.asked, name) {
			continue
		}
		known := slices.Clone(t.asked)
		slices.Sort(known)
		t.probs.addf(t.table[name].key, "unknown key %q%s: known here are %s",
			name, t.inPath(), strings.Join(slices.Compact(known), ", "))
	}
}

func (t *table) inPath() string {
	if t.path == "" {
		return ""
	}
	return fmt.Sprintf(" in [%s]", t.path)
}

func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}

// named is where the table itself is named.
func (t *table) named() Position { return t.node.key }
