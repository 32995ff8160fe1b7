package manager1

import "time"

// GPUSettings are what the driver of a GPU was set to when it was last asked:
// keys of the dictionary Gpu. Powers are in milliwatts.
type GPUSettings struct {
	SettingsAt   time.Time `json:"settings-at,omitzero"`
	ComputeMode  string    `json:"compute-mode"`
	PowerLimit   uint32    `json:"power-limit"`
	PowerDefault uint32    `json:"power-default"`
	PowerMin     uint32    `json:"power-min"`
	PowerMax     uint32    `json:"power-max"`
	Persistence  string    `json:"persistence"`
	MIG          string    `json:"mig"`
	MIGPending   string    `json:"mig-pending"`
	MIGParts     []string  `json:"mig-parts"`
}

func (v *GPUSettings) fields(c *codec) {
	c.time("settings-at", &v.SettingsAt)
	c.str("compute-mode", &v.ComputeMode)
	c.uint("power-limit", &v.PowerLimit)
	c.uint("power-default", &v.PowerDefault)
	c.uint("power-min", &v.PowerMin)
	c.uint("power-max", &v.PowerMax)
	c.str("persistence", &v.Persistence)
	c.str("mig", &v.MIG)
	c.str("mig-pending", &v.MIGPending)
	c.strs("mig-parts", &v.MIGParts)
}
