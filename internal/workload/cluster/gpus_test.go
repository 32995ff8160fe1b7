package cluster_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/modectl/moded/internal/workload/cluster"
)

// with is a container with limits of resources, given in pairs.
func with(pairs ...string) corev1.Container {
	limits := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi")}
	for i := 0; i < len(pairs); i += 2 {
		limits[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return corev1.Container{Resources: corev1.ResourceRequirements{Limits: limits}}
}

// asking is a container that only requests.
func asking(name, n string) corev1.Container {
	return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceName(name): resource.MustParse(n)}}}
}

func sidecar(c corev1.Container) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	return c
}

func TestGPUsAreCountedAsTheSchedulerDoes(t *testing.T) {
	t.Parallel()
	type list = []corev1.Container
	const nvidia = "nvidia.com/gpu"
	for name, c := range map[string]struct {
		inits, containers list
		want              int
	}{
		"none":                          {nil, list{with()}, 0},
		"of each container":             {nil, list{with(nvidia, "1"), with(nvidia, "2")}, 3},
		"requests without limits":       {nil, list{asking(nvidia, "2")}, 2},
		"init containers run before":    {list{with(nvidia, "4"), with(nvidia, "1")}, list{with(nvidia, "2")}, 4},
		"sidecars run beside":           {list{sidecar(with(nvidia, "1"))}, list{with(nvidia, "2")}, 3},
		"sidecars run beside the inits": {list{sidecar(with(nvidia, "1")), with(nvidia, "3")}, list{with(nvidia, "2")}, 4},
		"init before the sidecar":       {list{with(nvidia, "3"), sidecar(with(nvidia, "1"))}, list{with(nvidia, "1")}, 3},
		"all makers":                    {nil, list{with(nvidia, "1", "amd.com/gpu", "2", "gpu.intel.com/i915", "3", "gpu.intel.com/xe", "1")}, 7},
		"parts of a device":             {nil, list{with("nvidia.com/mig-1g.10gb", "2", "nvidia.com/mig-3g.40gb", "1")}, 3},
		"shares in a device":            {nil, list{with("nvidia.com/gpu.shared", "1")}, 1},
		"how much of an Intel device":   {nil, list{with("gpu.intel.com/i915", "1", "gpu.intel.com/memory.max", "8Gi", "gpu.intel.com/millicores", "500")}, 1},
		"only how much":                 {nil, list{with("gpu.intel.com/millicores", "500")}, 1},
		"other devices":                 {nil, list{with("nvidia.com/gpumem", "4000", "example.com/gpu", "1", "rdma/hca", "1")}, 0},
		"more than there can be":        {nil, list{with(nvidia, "9E"), with(nvidia, "9E")}, 1 << 16},
		"fewer than none":               {nil, list{with(nvidia, "-4"), with(nvidia, "1")}, 1},
	} {
		if got := cluster.GPUs(&corev1.PodSpec{InitContainers: c.inits, Containers: c.containers}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
