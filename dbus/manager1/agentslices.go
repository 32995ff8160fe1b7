package manager1

// NoLimit is a memory-high that limits nothing.
const NoLimit int64 = -1

// SliceLimits are those of a slice of a user's manager: want of
// Apply("slices"), and a row of have of Capture("slices"). 0 is a limit that is
// not spoken of.
type SliceLimits struct {
	Slice      string
	CPUWeight  uint32
	IOWeight   uint32
	MemoryHigh int64 // bytes, or NoLimit
}

func (v *SliceLimits) fields(c *codec) {
	c.sparse = true
	c.str("slice", &v.Slice)
	c.uint("cpu-weight", &v.CPUWeight)
	c.uint("io-weight", &v.IOWeight)
	c.big("memory-high", &v.MemoryHigh)
}

// ToMap writes v as it goes over the bus.
func (v SliceLimits) ToMap() Dict { return encode(&v) }

// FromMap reads v as it came over the bus.
func (v *SliceLimits) FromMap(m Dict) { decode(v, m) }
