package main

import (
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/eyes"
	"github.com/modectl/moded/pkg/guards"
)

// resourceNeeds is what Resources looks at: everything, the units that modes
// own, and whatever a configured guard reads, so that the facts in its answer
// can be recorded and judged later. NVIDIA's library is asked for decisions only.
func (d *daemon) resourceNeeds() guards.Needs {
	c := d.config().Catalog
	n := eyes.Everything(config.OwnedUnits(c.Modes()...)...).Union(guards.NeedsOf(c.AllGuards()))
	n.NVML, n.Window = false, 0
	return n
}
