package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// family is a metric with its help, and a sample for each set of labels.
type family struct {
	name, help string
	// kind is gauge or counter.
	kind    string
	samples []sample
}

type sample struct {
	labels []string // name, value, name, value, …
	value  float64
}

// page is all families, in the order in which they were begun. A family without
// samples is left out.
type page struct{ families []*family }

func (p *page) gauge(name, help string) *family   { return p.family(name, help, "gauge") }
func (p *page) counter(name, help string) *family { return p.family(name, help, "counter") }

func (p *page) family(name, help, kind string) *family {
	f := &family{name: "moded_" + name, help: help, kind: kind}
	p.families = append(p.families, f)
	return f
}

// set adds a sample. A set of labels that is there already keeps its first
// value: two samples of one name would spoil the whole page for its reader.
func (f *family) set(value float64, labels ...string) {
	if !slices.ContainsFunc(f.samples, func(s sample) bool { return slices.Equal(s.labels, labels) }) {
		f.samples = append(f.samples, sample{labels, value})
	}
}

// add is set, and counts on where there is a sample.
func (f *family) add(value float64, labels ...string) {
	if i := slices.IndexFunc(f.samples, func(s sample) bool { return slices.Equal(s.labels, labels) }); i >= 0 {
		f.samples[i].value += value
		return
	}
	f.set(value, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// String is the page in Prometheus' text format, version 0.0.4.
func (p *page) String() string {
	var b strings.Builder
	for _, f := range p.families {
		if len(f.samples) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, s := range f.samples {
			b.WriteString(f.name + braces(s.labels) + " " + strconv.FormatFloat(s.value, 'f', -1, 64) + "\n")
		}
	}
	return b.String()
}

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func braces(labels []string) string {
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escape.Replace(strings.ToValidUTF8(labels[i+1], "?"))+`"`)
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
