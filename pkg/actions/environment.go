package actions

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func validEnvironment(env map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		control := func(r rune) bool { return r < ' ' || r == 0x7f }
		if !variable.MatchString(name) || strings.ContainsFunc(env[name], control) {
			return fmt.Errorf("environment variable %q cannot be handed to a unit", name)
		}
	}
	return nil
}

// env is the text of the unit's environment file, nil when there is none.
func (u units) env(key string) (*string, error) {
	text, ok, err := u.Files.ReadEnv(key)
	if err != nil {
		return nil, fmt.Errorf("cannot read the environment of %s: %w", key, err)
	}
	if !ok {
		return nil, nil
	}
	return &text, nil
}

func (u units) setEnv(key string, same bool, text *string) (err error) {
	switch {
	case same:
	case text == nil:
		err = u.Files.RemoveEnv(key)
	default:
		err = u.Files.WriteEnv(key, *text)
	}
	if err != nil {
		return fmt.Errorf("cannot write the environment of %s: %w", key, err)
	}
	return nil
}

// wantEnv is the text for the unit's environment file. A unit that insists on
// the file gets an empty one when the mode says nothing.
func (u units) wantEnv(key string, v unitValue, s UnitState) *string {
	if len(v.Environment) == 0 && !u.reads(key, s) {
		return nil
	}
	text := renderEnv(v.Environment)
	return &text
}

// renderEnv writes systemd's format; see EnvironmentFile= in systemd.exec(5).
func renderEnv(env map[string]string) string {
	var b strings.Builder
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, quote.Replace(env[name]))
	}
	return b.String()
}

func sameText(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
