package cluster

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// maxGPUs bounds what a pod is believed to ask for.
const maxGPUs = 1 << 16

// counts are resources by name.
type counts map[corev1.ResourceName]int64

// gpus is what a pod is given of GPUs, as the scheduler counts: containers and
// sidecars run together, each init container after those before it have ended.
func gpus(spec *corev1.PodSpec) int {
	together, peak := counts{}, counts{}
	for _, c := range spec.InitContainers {
		asks := asked(c.Resources)
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			together.add(asks) // a sidecar stays
			peak.raise(together)
			continue
		}
		asks.add(together)
		peak.raise(asks)
	}
	for _, c := range spec.Containers {
		together.add(asked(c.Resources))
	}
	peak.raise(together)
	return peak.devices()
}

// asked is what a container asks for of GPUs. Of such resources a limit without
// a request is a request.
func asked(r corev1.ResourceRequirements) counts {
	out := counts{}
	for _, list := range []corev1.ResourceList{r.Requests, r.Limits} {
		for name, quantity := range list {
			if isGPU(name) {
				out[name] = min(max(quantity.Value(), 0), maxGPUs)
			}
		}
	}
	return out
}

func (c counts) add(more counts) {
	for name, n := range more {
		c[name] += n
	}
}

func (c counts) raise(to counts) {
	for name, n := range to {
		c[name] = max(c[name], n)
	}
}

// devices is the number of GPUs or parts of them. Intel's plugin has resources
// beside i915 and xe that say how much of a device (memory.max, millicores):
// together they are one.
func (c counts) devices() int {
	var n, share int64
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if strings.HasPrefix(string(name), intel) && name != intel+"i915" && name != intel+"xe" {
			share = max(share, min(c[name], 1))
			continue
		}
		n += c[name]
	}
	if c[intel+"i915"]+c[intel+"xe"] == 0 {
		n += share
	}
	return int(min(n, maxGPUs))
}

const intel = "gpu.intel.com/"

// isGPU tells whether a resource is a GPU, a part of one, or a share in one.
func isGPU(name corev1.ResourceName) bool {
	switch name {
	case "nvidia.com/gpu", "nvidia.com/gpu.shared", "amd.com/gpu":
		return true
	}
	return strings.HasPrefix(string(name), "nvidia.com/mig-") || strings.HasPrefix(string(name), intel)
}
