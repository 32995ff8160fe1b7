package guards

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// ParamError is a parameter that a kind of guard does not take as given. The
// configuration finds its file and line by Param.
type ParamError struct {
	Param string
	Err   error
}

// Error names the parameter and what is wrong with it.
func (e *ParamError) Error() string { return fmt.Sprintf("parameter %q: %v", e.Param, e.Err) }

// Unwrap returns what is wrong.
func (e *ParamError) Unwrap() error { return e.Err }

// params reads a guard's parameters one by one and keeps the first error. Each
// that was read is known; done complains of the others.
type params struct {
	raw   map[string]json.RawMessage
	known []string
	err   error
}

func readParams(v fsm.Value) *params {
	p := &params{raw: map[string]json.RawMessage{}}
	if v == "" || v == "null" {
		return p
	}
	if err := json.Unmarshal([]byte(v), &p.raw); err != nil {
		p.err = errors.New("parameters must be a table")
	}
	return p
}

// done returns the first error, or that a parameter is not known.
func (p *params) done() error {
	if p.err != nil {
		return p.err
	}
	for _, name := range slices.Sorted(maps.Keys(p.raw)) {
		if !slices.Contains(p.known, name) {
			if len(p.known) == 0 {
				return &ParamError{name, errors.New("not known: this kind takes none")}
			}
			return &ParamError{name, fmt.Errorf("not known: one of %s", strings.Join(p.known, ", "))}
		}
	}
	return nil
}

func (p *params) fail(name, format string, args ...any) {
	if p.err == nil {
		p.err = &ParamError{name, fmt.Errorf(format, args...)}
	}
}

// take decodes a parameter and tells whether it is there and well typed.
func take[T any](p *params, name, what string, into *T) bool {
	p.known = append(p.known, name)
	raw, ok := p.raw[name]
	if !ok {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil || string(raw) == "null" {
		p.fail(name, "must be %s", what)
		return false
	}
	return true
}

// duration reads a duration that is one of choices, or any positive one when
// there are none.
func (p *params) duration(name string, def time.Duration, choices ...time.Duration) time.Duration {
	var text string
	if !take(p, name, `a duration such as "10s"`, &text) {
		return def
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		p.fail(name, `must be a duration such as "10s", not %q`, text)
	case d <= 0:
		p.fail(name, "must be more than zero, not %q", text)
	case len(choices) > 0 && !slices.Contains(choices, d):
		p.fail(name, "must be one of %v, not %q", choices, text)
	default:
		return d
	}
	return def
}

// size reads a number of bytes, "4GiB".
func (p *params) size(name string, def uint64) uint64 {
	var text string
	if !take(p, name, `a size such as "4GiB"`, &text) {
		return def
	}
	n, err := parseSize(text)
	if err != nil {
		p.fail(name, `must be a size such as "4GiB", not %q`, text)
		return def
	}
	return n
}

// number reads a number between zero and high.
func (p *params) number(name string, def, high float64) float64 {
	n := def
	if !take(p, name, "a number", &n) {
		return def
	}
	if n < 0 || n > high {
		p.fail(name, "must be between 0 and %g, not %g", high, n)
		return def
	}
	return n
}

// count reads a whole number that is not negative.
func (p *params) count(name string, def int) int {
	n := def
	if !take(p, name, "a whole number", &n) {
		return def
	}
	if n < 0 || n > maxCount {
		p.fail(name, "must be between 0 and %d, not %d", maxCount, n)
		return def
	}
	return n
}

// maxCount is more than any machine has of anything that is counted.
const maxCount = 1_000_000

// clock reads a time of day in minutes, "22:30"; "24:00" is the end of a day.
func (p *params) clock(name string, def int) int {
	var text string
	if !take(p, name, `a time such as "22:30"`, &text) {
		return def
	}
	if text == "24:00" {
		return minutesADay
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		p.fail(name, `must be a time such as "22:30", not %q`, text)
		return def
	}
	return t.Hour()*60 + t.Minute()
}

// address reads the URL of a service on this machine. What moded asks, everybody
// may see: a password in it would be told to all.
func (p *params) address(name string) string {
	var text string
	if !take(p, name, `an address such as "http://127.0.0.1:8080"`, &text) {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		p.fail(name, `must be an address such as "http://127.0.0.1:8080"`)
	case u.User != nil:
		p.fail(name, "must not hold a user or password: everybody may read it")
	case !local(u.Hostname()):
		p.fail(name, "must be on this machine: 127.0.0.1, [::1] or localhost")
	}
	return text
}

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback() && addr.Zone() == ""
}

func (p *params) flag(name string, def bool) bool {
	b := def
	take(p, name, "true or false", &b)
	return b
}

// names reads a list of names that a person wrote; an empty one is an error
// when must is set.
func (p *params) names(name string, must bool) []string {
	var list []string
	given := take(p, name, `a list of names such as ["reaper"]`, &list)
	if slices.Contains(list, "") {
		p.fail(name, "holds an empty name")
	}
	if must && p.err == nil && (!given || len(list) == 0) {
		p.fail(name, "must name at least one")
	}
	return list
}

// programs reads names of programs, which are not paths.
func (p *params) programs(name string, def []string) []string {
	list := p.names(name, false)
	if _, given := p.raw[name]; !given {
		return def
	}
	if len(list) == 0 {
		p.fail(name, "must name at least one")
	}
	if i := slices.IndexFunc(list, func(n string) bool { return strings.Contains(n, "/") }); i >= 0 {
		p.fail(name, "must be names of programs, not paths: %q", list[i])
	}
	return list
}

// word reads one of choices; the first is the default.
func (p *params) word(name string, choices ...string) string {
	text := choices[0]
	if take(p, name, "one of "+strings.Join(choices, ", "), &text) && !slices.Contains(choices, text) {
		p.fail(name, "must be one of %s, not %q", strings.Join(choices, ", "), text)
	}
	return text
}

// units of sizes, longest suffix first.
var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40},
	{"B", 1}, {"", 1},
}

// parseSize reads "4GiB", "500MB", "4G" (systemd's, 1024 based) or plain bytes.
func parseSize(text string) (uint64, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(n >= 0) || n*u.bytes >= math.MaxInt64 {
			return 0, fmt.Errorf("cannot read size %q", text)
		}
		return uint64(n * u.bytes), nil
	}
	return 0, fmt.Errorf("cannot read size %q", text)
}

// formatSize writes bytes as people read them: "4.0 GiB".
func formatSize(n uint64) string {
	const unit = 1 << 10
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/unit, 0
	for f >= unit && i < 3 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %s", f, [...]string{"KiB", "MiB", "GiB", "TiB"}[i])
}
