package simulate

import (
	_ "embed"
	"slices"
)

//go:embed config.toml
var config []byte

// Config is the configuration, as TOML, for which the machine is made. The
// daemon uses it with --simulate when no other is given.
func Config() []byte { return slices.Clone(config) }
