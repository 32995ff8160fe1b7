package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// The lab's two GPUs: the card that is really there, and a second one that is
// not. To whoever looks they are NVIDIA's: the driver's files name them, their
// device nodes can be opened and held, and the library lists them. It names no
// process: who holds which is seen by the descriptors, also when it changes.
const (
	gpu0 = "GPU-00000000-1ab0-4000-8000-000000000000"
	gpu1 = "GPU-11111111-1ab0-4000-8000-000000000001"

	driverDir = "/proc/driver"
)

// gpuNodes are the device nodes of the two, and of CUDA. Behind them is what is
// behind /dev/null.
var gpuNodes = []string{"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia-uvm"}

// gpus makes both GPUs appear until the scenario is over.
func (t *T) gpus() {
	t.Cleanup(func() {
		t.Quiet("systemctl", "stop", "moded-probe.service")
		t.Quiet("umount", driverDir)
		t.Quiet("rm", append([]string{"-f"}, gpuNodes...)...)
	})
	t.Must("mount", "-t", "tmpfs", "-o", "mode=755", "lab-driver", driverDir)
	for minor, card := range []struct{ pci, uuid string }{{"0000:00:08.0", gpu0}, {"0000:01:00.0", gpu1}} {
		t.must(writeFile(driverDir+"/nvidia/gpus/"+card.pci+"/information",
			fmt.Sprintf("Model: \t\t Lab Card\nGPU UUID: \t %s\nDevice Minor: \t %d\n", card.uuid, minor)))
	}
	for _, node := range gpuNodes {
		_ = os.Remove(node)
		t.must(syscall.Mknod(node, syscall.S_IFCHR|0o666, 1<<8|3))
		t.must(os.Chmod(node, 0o666))
	}
	conf := "driver 580.95.05\n"
	for name, card := range map[string]string{"gpu0": "00000000:00:08.0 uuid=" + gpu0, "gpu1": "00000000:01:00.0 uuid=" + gpu1} {
		conf += fmt.Sprintf("gpu %s pci=%s total=25769803776 used=1073741824 busy=1 temperature=40 name=Lab Card\n", name, card)
	}
	t.nvml(conf)
	t.Quiet("systemctl", "stop", "moded-probe.service") // the next one sees it all
}

// gpuHolders are the processes that have that device node open, each with the
// last part of its cgroup, by the kernel. fuser would name everybody with
// /dev/null.
func (t *T) gpuHolders(node string) string {
	r := t.Quiet("sh", "-c", `for p in $(find /proc/[0-9]*/fd -lname `+node+` 2>/dev/null | cut -d/ -f3 | sort -u); do`+
		` echo "$p $(cat /proc/$p/comm) $(sed 's,.*/,,' /proc/$p/cgroup)"; done`)
	return strings.TrimSpace(r.out)
}

// showGPUs keeps in the detail who holds which.
func (t *T) showGPUs() {
	for _, node := range gpuNodes {
		t.Logf("%s: %s", node, t.gpuHolders(node))
	}
}
