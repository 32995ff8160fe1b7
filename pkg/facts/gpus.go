package facts

// GPUs are the machine's graphics devices with who holds them.
type GPUs struct {
	Part
	List []GPU `json:"list"`
}

// GPU is one device. Its identity is the PCI address or the UUID, never an
// index: enumeration order changes between boots.
type GPU struct {
	// Name is the configuration's name for it, or empty.
	Name string `json:"name,omitempty"`
	// PCI is the address, 0000:01:00.0; of a device that sits on no PCI bus,
	// the kernel's name of the device.
	PCI  string `json:"pci"`
	UUID string `json:"uuid,omitempty"`
	// Model is what the driver calls it; Driver is the kernel module.
	Model  string `json:"model,omitempty"`
	Driver string `json:"driver,omitempty"`
	// Nodes are the device files: /dev/dri/card0, /dev/nvidia0, …
	Nodes []string `json:"nodes,omitempty"`
	// Connected is true when a connector of it has a display.
	Connected bool `json:"connected"`
	// Suspended devices are free by definition and are not woken.
	Suspended bool `json:"suspended,omitempty"`
	// BusyPercent is the utilisation over the window, or -1 when unknown.
	BusyPercent int `json:"busy-percent"`
	// Unmeasured says why BusyPercent is -1 although somebody asked. Forever is
	// true when nothing could help: the driver has no counters.
	Unmeasured string `json:"unmeasured,omitempty"`
	Forever    bool   `json:"forever,omitempty"`
	// MemoryTotal and MemoryUsed are bytes; 0 total means unknown.
	MemoryTotal uint64 `json:"memory-total,omitempty"`
	MemoryUsed  uint64 `json:"memory-used,omitempty"`
	// Temperature is in degrees Celsius; 0 means unknown.
	Temperature int `json:"temperature,omitempty"`
	// Listed is true when NVIDIA's library named all processes on it: to the
	// descriptors, a context that waits looks like none.
	Listed bool `json:"listed,omitempty"`
	// Instances are the parts of a device in MIG mode.
	Instances []Instance `json:"instances,omitempty"`
	Holders   []Holder   `json:"holders,omitempty"`
	// Settings are what its driver was set to when it was last asked, for a mode
	// that states some of them; nil when nobody has asked.
	Settings *GPUSettings `json:"settings,omitempty"`
}

// GPUSettings are what the driver of a GPU is set to. What the device does not
// have is empty.
type GPUSettings struct {
	// Part says when it was asked, or why nothing is known.
	Part
	// ComputeMode is default, exclusive-process or prohibited.
	ComputeMode string `json:"compute-mode,omitempty"`
	// PowerLimit is the limit in force, PowerDefault the driver's own, and the
	// other two what a limit can be, in milliwatts.
	PowerLimit   uint32 `json:"power-limit,omitempty"`
	PowerDefault uint32 `json:"power-default,omitempty"`
	PowerMin     uint32 `json:"power-min,omitempty"`
	PowerMax     uint32 `json:"power-max,omitempty"`
	Persistence  *bool  `json:"persistence,omitempty"`
	// MIG is on or off, MIGPending what it will be after the next reset.
	MIG        string `json:"mig,omitempty"`
	MIGPending string `json:"mig-pending,omitempty"`
	// Parts are the profiles of its MIG devices, "3g.20gb", in the driver's
	// order; Profiles those that it can have.
	Parts    []string `json:"parts,omitempty"`
	Profiles []string `json:"profiles,omitempty"`
	// Without says why there is no driver to ask, which no settings are.
	Without string `json:"without,omitempty"`
}

// Instance is a MIG device: a part of a GPU with memory of its own.
type Instance struct {
	// UUID is "MIG-…", which CUDA_VISIBLE_DEVICES takes too.
	UUID string `json:"uuid"`
	// Model is what the driver calls it: "NVIDIA A100 MIG 1g.10gb".
	Model       string `json:"model,omitempty"`
	MemoryTotal uint64 `json:"memory-total,omitempty"`
	MemoryUsed  uint64 `json:"memory-used,omitempty"`
}

// Label is what people call the device: its configured name, else the address.
func (g GPU) Label() string {
	if g.Name != "" {
		return g.Name
	}
	return g.PCI
}

// Holder is a process that has a device open. logind's, PID 1's and
// nvidia-persistenced's descriptors are nobody's and never listed.
type Holder struct {
	PID  uint32 `json:"pid"`
	Comm string `json:"comm"`
	UID  uint32 `json:"uid"`
	User string `json:"user,omitempty"`
	// Unit is the unit of its cgroup at PID 1 ("session-3.scope",
	// "ai.service", "user@1000.service"); UserUnit that of the user manager.
	Unit     string `json:"unit,omitempty"`
	UserUnit string `json:"user-unit,omitempty"`
	Session  string `json:"session,omitempty"`
	// Pod is the Kubernetes pod of its cgroup: "namespace/name" where the API
	// server told, else the pod's UID.
	Pod string `json:"pod,omitempty"`
	// Instance is the UUID of the MIG device that it is on.
	Instance string `json:"instance,omitempty"`
	// Memory is what it holds of the device, in bytes; 0 means unknown.
	Memory uint64 `json:"memory,omitempty"`
	// Compute is a compute context (CUDA, /dev/kfd); Graphics a DRM or NVML
	// graphics client. A process can be both.
	Compute  bool `json:"compute,omitempty"`
	Graphics bool `json:"graphics,omitempty"`
	// BusyPercent is its own share over the window, or -1 when unknown.
	BusyPercent int `json:"busy-percent"`
}
