package main

import (
	"fmt"
	"strconv"
)

// Where the stand-in for NVIDIA's library is kept, and where the loader looks.
const (
	nvmlKept   = "/usr/lib/lab/nvml/libnvidia-ml.so.1"
	nvmlLoaded = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
	nvmlConf   = "/usr/lib/x86_64-linux-gnu/nvml.conf"
)

// The lab's card, and one more that only the library knows.
const (
	nvmlCard = "driver 580.95.05\ngpu gpu0 pci=00000000:00:08.0 uuid=GPU-lab-0 total=25769803776 used=2147483648 busy=%d temperature=51 name=Lab Card\n"
	nvmlCalm = "process gpu0 pid=%d kind=graphics memory=134217728 sm=%d\n"
)

// nvml lets the library say that from now on, as an installed driver would.
func (t *T) nvml(conf string) {
	t.Cleanup(func() { t.Quiet("rm", "-f", nvmlLoaded, nvmlConf) })
	t.must(writeFile(nvmlConf, conf))
	t.Must("cp", nvmlKept, nvmlLoaded)
}

// eyesGLBusy: two programs of dev's session are on the card, a game and a
// browser with nothing to do. The game is the culprit and nobody else.
func eyesGLBusy(t *T) {
	dev, err := t.seated("dev")
	t.must(err)
	game, endGame := t.startInSession(dev, "exec 9</dev/dri/renderD128; exec sleep 600")
	browser, _ := t.startInSession(dev, "exec 9</dev/dri/renderD128; exec tail -f /dev/null")
	t.says("gpu-free", uncounted, fmt.Sprint(game), fmt.Sprint(browser), "weston")
	t.nvml(fmt.Sprintf(nvmlCard, 61) + fmt.Sprintf(nvmlCalm, game, 60) + fmt.Sprintf(nvmlCalm, browser, 0) + fmt.Sprintf(nvmlCalm, t.westonPID(), 1))
	t.Sh("fuser -v /dev/dri/renderD128 /dev/dri/card0")
	v := t.says("gpu-free", denies, "gpu-busy", "60 %")
	if len(v.Culprits) != 1 || v.Culprits[0].PID != game || v.Culprits[0].Session != dev.ID {
		t.Errorf("the culprits are %+v, want process %d alone", v.Culprits, game)
	}
	endGame()
	t.nvml(fmt.Sprintf(nvmlCard, 1) + fmt.Sprintf(nvmlCalm, browser, 0) + fmt.Sprintf(nvmlCalm, t.westonPID(), 1))
	t.says("gpu-free", passes, "will be closed", fmt.Sprint(browser))
}

func (t *T) westonPID() int {
	pid, _ := strconv.Atoi(t.unit("display-manager.service", "MainPID"))
	return pid
}

// eyesNVMLFaults: a library that hangs, has lost its card or is not the
// driver's: what is not seen is unknown, and nobody dies of it.
func eyesNVMLFaults(t *T) {
	moded := t.pid()
	calm := fmt.Sprintf(nvmlCard, 3)
	for _, fault := range []struct{ name, conf, says string }{
		{"hang", calm + "hang nvmlDeviceGetUtilizationRates\n", "no answer within"},
		{"lost", calm + "lost gpu0\n", "NVML"},
		{"mismatch", calm + "init LIB_RM_VERSION_MISMATCH\n", "different versions"},
		{"crash", calm + "crash nvmlDeviceGetPciInfo\n", "the call broke"},
	} {
		t.Logf("---- %s", fault.name)
		t.nvml(fault.conf)
		t.says("gpu-free", unknown, fault.says)
		if now := t.pid(); now != moded {
			t.Fatalf("moded was %d and is %d", moded, now)
		}
	}
	t.nvml(calm + fmt.Sprintf(nvmlCalm, t.westonPID(), 1))
	t.says("gpu-free", passes)
	t.noProbe()
}
