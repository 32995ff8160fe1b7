package metrics

import (
	"fmt"
	"strings"
)

// Reference is docs/reference/metrics.md: every metric with its kind, its labels
// and its meaning. full is a snapshot that has a sample for each.
func Reference(full Snapshot) string {
	p := pageOf(full)
	var b strings.Builder
	b.WriteString(`# Metrics

Generated from internal/metrics; do not edit.

` + "`modectl metrics`" + ` prints these in Prometheus' text format;
` + "`moded-metrics.timer`" + ` writes them every minute to
` + "`/var/lib/prometheus/node-exporter/moded.prom`" + ` for node_exporter's textfile
collector. The daemon opens no port. What could not be seen has no sample: absent is
not zero. ` + "`examples/grafana/moded.json`" + ` is a dashboard over them.

| metric | kind | labels | meaning |
|---|---|---|---|
`)
	for _, f := range p.families {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, f.labels(), f.help)
	}
	return b.String()
}

// labels are the names of all labels, in their order.
func (f *family) labels() string {
	var names []string
	for i := 0; len(f.samples) > 0 && i < len(f.samples[0].labels); i += 2 {
		names = append(names, "`"+f.samples[0].labels[i]+"`")
	}
	return strings.Join(names, " ")
}
