package config

import (
	"errors"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// shape is what a node of the tree is.
type shape string

const (
	aTable   shape = "a table"
	aList    shape = "a list"
	aText    shape = "a text"
	aNumber  shape = "a whole number"
	aDecimal shape = "a number"
	aBool    shape = "true or false"
	aDate    shape = "a date"
)

// node is a TOML value that knows where it stands. Nodes are never changed
// once their file is read; merging makes new ones.
type node struct {
	shape shape
	// key is where the node is named, at where its value begins.
	key, at Position

	text    string
	number  int64
	decimal float64
	yes     bool
	list    []*node
	table   map[string]*node
	names   []string // of table, in the order of the text
}

func newTable(at Position) *node {
	return &node{shape: aTable, key: at, at: at, table: map[string]*node{}}
}

// get returns the named child, or nil when the node is no table or has none.
func (n *node) get(name string) *node {
	if n == nil || n.shape != aTable {
		return nil
	}
	return n.table[name]
}

func (n *node) set(name string, child *node) {
	if _, known := n.table[name]; !known {
		n.names = append(n.names, name)
	}
	n.table[name] = child
}

// maxDepth bounds how deep tables and lists nest: more than any configuration
// needs, and little enough that recursion is safe.
const maxDepth = 16

// maxEntries bounds each table and list: more than anybody writes by hand, and
// little enough that entries may be compared with each other, which the TOML
// decoder does too.
const maxEntries = 256

// parse reads one source. What TOML forbids is reported with its position; the
// tree is nil then.
func parse(src Source, layer int, probs *problems) *node {
	p := treeParser{src: src, layer: layer, probs: probs}
	p.parser.Reset([]byte(src.Text))
	p.lines = []int{0}
	for i := range len(src.Text) {
		if src.Text[i] == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	root := p.document()
	if p.failed {
		return nil
	}
	// The parser above knows the grammar; only the decoder knows that a key
	// may not be given twice, or a table be extended after the fact.
	var discard map[string]any
	if err := toml.Unmarshal([]byte(src.Text), &discard); err != nil {
		p.report(err)
		return nil
	}
	return root
}

type treeParser struct {
	parser unstable.Parser
	src    Source
	layer  int
	probs  *problems
	failed bool
	lines  []int    // offset of each line; the parser would count from the top each time
	here   Position // of the expression's innermost key
}

func (p *treeParser) document() *node {
	root := newTable(Position{File: p.src.Name, layer: p.layer})
	current := root
	for !p.failed && p.parser.NextExpression() {
		e := p.parser.Expression()
		switch e.Kind {
		case unstable.Table:
			current = p.header(root, e, false)
		case unstable.ArrayTable:
			current = p.header(root, e, true)
		case unstable.KeyValue:
			p.keyValue(current, e, 1)
		default: // comments are not kept
		}
	}
	return root
}

// header finds or makes the table that [a.b] or [[a.b]] opens.
func (p *treeParser) header(root *node, e *unstable.Node, array bool) *node {
	at, depth := root, 0
	for it := e.Key(); it.Next(); depth++ {
		p.here = p.position(it.Node())
		if p.tooDeep(depth) {
			return at
		}
		at = p.descend(at, string(it.Node().Data), array && it.IsLast())
	}
	return at
}

func (p *treeParser) descend(at *node, name string, appends bool) *node {
	child := at.table[name]
	switch {
	case appends:
		if child == nil || child.shape != aList {
			child = &node{shape: aList, key: p.here, at: p.here}
			p.add(at, name, child)
		}
		child.list = append(child.list, newTable(p.here))
		p.tooMany(len(child.list))
		return child.list[len(child.list)-1]
	case child != nil && child.shape == aList && len(child.list) > 0 && child.list[len(child.list)-1].shape == aTable:
		return child.list[len(child.list)-1]
	case child == nil || child.shape != aTable:
		child = newTable(p.here)
		p.add(at, name, child)
	}
	return child
}

func (p *treeParser) keyValue(into *node, e *unstable.Node, depth int) {
	at := into
	for it := e.Key(); it.Next(); depth++ {
		p.here = p.position(it.Node())
		if p.tooDeep(depth) {
			return
		}
		if name := string(it.Node().Data); it.IsLast() {
			p.add(at, name, p.value(e.Value(), depth))
		} else {
			at = p.descend(at, name, false)
		}
	}
}

func (p *treeParser) value(v *unstable.Node, depth int) *node {
	n := &node{key: p.here, at: p.here}
	if v.Raw.Length > 0 {
		n.at = p.position(v)
	}
	if p.tooDeep(depth) {
		return n
	}
	switch v.Kind {
	case unstable.InlineTable:
		n.shape, n.table = aTable, map[string]*node{}
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				p.keyValue(n, it.Node(), depth+1)
			}
		}
	case unstable.Array:
		n.shape = aList
		for it := v.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				p.here = n.key
				n.list = append(n.list, p.value(it.Node(), depth+1))
				if p.tooMany(len(n.list)) {
					return n
				}
			}
		}
	default:
		scalar(n, v)
	}
	return n
}

func scalar(n *node, v *unstable.Node) {
	raw := string(v.Data)
	switch v.Kind {
	case unstable.String:
		n.shape, n.text = aText, raw
	case unstable.Bool:
		n.shape, n.yes = aBool, raw == "true"
	case unstable.Integer:
		n.shape = aNumber
		n.number = integer(raw)
	case unstable.Float:
		n.shape = aDecimal
		n.decimal, _ = strconv.ParseFloat(strings.ReplaceAll(raw, "_", ""), 64)
	default:
		n.shape, n.text = aDate, raw
	}
}

// integer reads TOML's forms of a number. One that does not fit is refused by
// the decoder, so it does not matter here.
func integer(raw string) int64 {
	raw = strings.ReplaceAll(raw, "_", "")
	base := 10
	for prefix, b := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if rest, ok := strings.CutPrefix(raw, prefix); ok {
			raw, base = rest, b
		}
	}
	i, err := strconv.ParseInt(raw, base, 64)
	if err != nil {
		return math.MinInt64
	}
	return i
}

func (p *treeParser) position(n *unstable.Node) Position {
	offset := int(n.Raw.Offset)
	line := sort.SearchInts(p.lines, offset+1)
	return Position{File: p.src.Name, Line: line, Column: offset - p.lines[line-1] + 1, layer: p.layer}
}

func (p *treeParser) tooDeep(depth int) bool {
	if depth < maxDepth || p.failed {
		return p.failed
	}
	p.failed = true
	p.probs.addf(p.here, "tables are nested more than %d deep: no key of moded's is", maxDepth)
	return true
}

// add names a child of a table.
func (p *treeParser) add(to *node, name string, child *node) {
	to.set(name, child)
	p.tooMany(len(to.names))
}

func (p *treeParser) tooMany(entries int) bool {
	if entries <= maxEntries || p.failed {
		return p.failed
	}
	p.failed = true
	p.probs.addf(p.here, "a table or list has more than %d entries: no configuration needs as many", maxEntries)
	return true
}

func (p *treeParser) report(err error) {
	at := Position{File: p.src.Name, layer: p.layer}
	if bad := (*toml.DecodeError)(nil); errors.As(err, &bad) {
		at.Line, at.Column = bad.Position()
	}
	p.probs.addf(at, "not valid TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
}
