package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pattern is compiled by who asks it first: modectl links all of them, lives for
// a few milliseconds and mostly asks none.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	nameRE  = pattern(`^[a-z][a-z0-9-]{0,31}$`)
	eventRE = pattern(`^[a-z][a-z0-9_-]{0,31}$`)
	unitRE  = pattern(`^[A-Za-z0-9:_.\\@-]+$`)
	sliceRE = pattern(`^[A-Za-z0-9:_.\\@]+(-[A-Za-z0-9:_.\\@]+)*\.slice$`)
	envRE   = pattern(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	pciRE   = pattern(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)
	uuidRE  = pattern(`^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	sizeRE  = pattern(`^([0-9]{1,15}) ?(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?$`)
	quotaRE = pattern(`^([0-9]{1,6})%$`)
	hostRE  = pattern(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

// unitTypes are what a mode may start and stop; scopes, slices and devices are
// not started by name.
var unitTypes = []string{"service", "socket", "timer", "target", "mount", "automount", "path", "swap"}

// unitProblem says why a name is not a unit that can be started, or "".
func unitProblem(unit string, types ...string) string {
	stem, kind := unit, ""
	if dot := strings.LastIndexByte(unit, '.'); dot >= 0 {
		stem, kind = unit[:dot], unit[dot+1:]
	}
	switch {
	case !slices.Contains(types, kind):
		return fmt.Sprintf("%q is not a unit name: it must end in .%s", unit, strings.Join(types, ", ."))
	case stem == "" || len(unit) > 255 || !unitRE().MatchString(unit):
		return fmt.Sprintf("%q is not a unit name: letters, digits and : _ . \\ @ - are allowed, escape others with systemd-escape", unit)
	case strings.HasPrefix(stem, "@"):
		return fmt.Sprintf("%q is not a unit name: there is nothing before the @", unit)
	case strings.HasSuffix(stem, "@"):
		return fmt.Sprintf("%q is a template: name an instance, %s@NAME.%s", unit, strings.TrimSuffix(stem, "@"), kind)
	}
	return ""
}

// sizeOf reads bytes such as "8GiB"; "infinity" is what PID 1 calls unset.
func sizeOf(text string) (uint64, bool) {
	if text == "infinity" {
		return math.MaxUint64, true
	}
	m := sizeRE().FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	unit := map[string]uint64{
		"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
		"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	}[m[2]]
	count, _ := strconv.ParseUint(m[1], 10, 64) // 15 digits fit
	if count > (math.MaxUint64-1)/unit {
		return 0, false
	}
	return count * unit, true
}

// quotaOf reads "150%" as microseconds of CPU per second.
func quotaOf(text string) (uint64, bool) {
	if text == "infinity" {
		return math.MaxUint64, true
	}
	m := quotaRE().FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	percent, _ := strconv.ParseUint(m[1], 10, 64)
	return percent * 10_000, percent > 0
}

// validCPUs tells whether text is a list such as "0-3,8".
func validCPUs(text string) bool {
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, "-")
		low, err := strconv.ParseUint(first, 10, 13)
		if err != nil {
			return false
		}
		if high, err := strconv.ParseUint(last, 10, 13); ranged && (err != nil || high < low) {
			return false
		}
	}
	return true
}

// urlProblem says why a URL is not one that the daemon may ask, or "".
func urlProblem(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Sprintf("%q is not a URL such as \"http://127.0.0.1:8000/health\"", text)
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Sprintf("%q is not on this machine: use 127.0.0.1, ::1 or localhost", text)
	}
	return ""
}

// span writes a duration the way people do: 2m, not 2m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// spanOrNone is span with the zero duration left out of the value.
func spanOrNone(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return span(d)
}
