package look

import "time"

// Place is how a cgroup file is read.
func Place(text string) (unit, userUnit, session string) {
	p := parseCgroup(text)
	return p.unit, p.userUnit, p.session
}

// Fdinfo is how an fdinfo file is read.
func Fdinfo(text string) (id string, engines map[string]uint64, ok bool) {
	c, ok := parseFdinfo(text)
	return c.id, c.engines, ok
}

// Since is the busiest engine of a client between two fdinfo files.
func Since(was, is string, elapsed time.Duration) float64 {
	a, _ := parseFdinfo(was)
	b, _ := parseFdinfo(is)
	return busiest(b.since(a, elapsed))
}
