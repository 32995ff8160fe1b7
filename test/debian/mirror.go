package debian

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is one archive that apt is set up with.
type source struct {
	uri, suite string
	components []string
	signedBy   string
}

// Mirror finds the archive that serves Debian itself among apt's sources below
// etc: the one with Debian's keyring, or Debian's name in its address,
// and a component main. Security archives have another layout and are skipped.
func Mirror(etc string) (string, error) {
	var best string
	for _, s := range aptSources(etc) {
		if !slices.Contains(s.components, "main") || strings.Contains(s.suite, "security") {
			continue
		}
		path := strings.TrimSuffix(s.uri, "/")
		switch {
		case strings.Contains(s.signedBy, "debian-archive"), strings.HasSuffix(path, "/debian"):
			return path, nil
		case best == "" && strings.Contains(path, "debian") && s.signedBy == "":
			best = path
		}
	}
	if best == "" {
		return "", errors.New("cannot find a Debian mirror in apt's sources")
	}
	return best, nil
}

// aptSources reads both of apt's file formats.
func aptSources(etc string) []source {
	var out []source
	for _, pattern := range []string{"apt/sources.list.d/*.sources", "apt/sources.list", "apt/sources.list.d/*.list"} {
		files, _ := filepath.Glob(filepath.Join(etc, pattern))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			if strings.HasSuffix(file, ".sources") {
				out = append(out, parseDeb822(string(text))...)
			} else {
				out = append(out, parseList(string(text))...)
			}
		}
	}
	return out
}

// parseDeb822 reads stanzas of `Key: value`; a stanza may hold several
// addresses and suites, of which it gives every pair.
func parseDeb822(text string) []source {
	var out []source
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		for line := range strings.SplitSeq(stanza, "\n") {
			key, value, ok := strings.Cut(line, ":")
			if ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, " ") {
				fields[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
		if !strings.Contains(" "+fields["types"]+" ", " deb ") || fields["enabled"] == "no" {
			continue
		}
		for _, uri := range strings.Fields(fields["uris"]) {
			for _, suite := range strings.Fields(fields["suites"]) {
				out = append(out, source{uri, suite, strings.Fields(fields["components"]), fields["signed-by"]})
			}
		}
	}
	return out
}

// parseList reads one-line entries: deb [options] address suite component...
func parseList(text string) []source {
	var out []source
	for line := range strings.SplitSeq(text, "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		var options string
		if after, found := strings.CutPrefix(strings.TrimSpace(rest), "["); found {
			options, rest, _ = strings.Cut(after, "]")
		}
		fields := strings.Fields(rest)
		if len(fields) < 3 {
			continue
		}
		_, signedBy, _ := strings.Cut(options, "signed-by=")
		out = append(out, source{fields[0], fields[1], fields[2:], signedBy})
	}
	return out
}
