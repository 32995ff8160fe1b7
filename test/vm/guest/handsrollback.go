package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// failCompute lets the last step on the way to compute fail: its target needs a
// unit that never starts.
const failCompute = "/run/systemd/system/moded-compute.target.d/90-lab.conf"

// handsRollbackTime compares the way back from the last step with starting the
// same units by hand. Both end when somebody could log in: the greeter's
// compositor has the card.
func handsRollbackTime(t *T) {
	t.Cleanup(func() {
		t.Quiet("sh", "-c", "rm -rf "+filepath.Dir(failCompute)+" /run/systemd/system/lab-never.service && systemctl daemon-reload")
	})
	t.workstationLab()
	w := t.witness()
	t.allowed("compute")
	greeter(t)
	ours := t.rollBack(w)
	t.backToDesktop()
	t.allowed("compute")
	if _, end := t.travel(w, "compute"); end.outcome != "settled" {
		t.Fatalf("compute: %s", end.message)
	}
	t.Must("systemctl", "stop", "moded.service")
	greeter(t)
	theirs := t.backByHand()
	t.Must("systemctl", "start", "moded.service")
	t.figure("rollback from the last step of desktop to compute until the login screen, in the VM", ours, theirs, "the same units by hand", 1.2)
}

// rollBack fails in the last step, and takes the time until somebody could log in.
func (t *T) rollBack(w *witness) time.Duration {
	t.must(writeFile("/run/systemd/system/lab-never.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n"))
	t.must(writeFile(failCompute, "[Unit]\nRequires=lab-never.service\nAfter=lab-never.service\n"))
	t.Must("systemctl", "daemon-reload")
	screen := t.loginScreen()
	began, end := t.travel(w, "compute")
	at := <-screen
	t.Logf("%s", w.table(began))
	if end.outcome != "rolled-back" || w.failed.IsZero() {
		t.modedLog()
		t.Fatalf("%s: %s", end.outcome, end.message)
	}
	took := at.Sub(w.failed)
	t.Logf("moded: login screen %d ms after the failure, all back after %d ms", took.Milliseconds(), end.at.Sub(w.failed).Milliseconds())
	t.must(os.Remove(failCompute))
	t.Must("systemctl", "daemon-reload")
	return took
}

// backByHand stops and starts the same units from the same place.
func (t *T) backByHand() time.Duration {
	t.Quiet("rm", "-f", "/run/moded/deny/lab-session.service", "/run/moded/deny/graphical.target")
	screen := t.loginScreen()
	began := time.Now()
	t.Must("systemctl", "stop", "moded-compute.target", "vllm.service", "ai.service")
	t.Must("systemctl", "start", "display-manager.service", "graphical.target")
	took := (<-screen).Sub(began)
	t.Logf("by hand: login screen after %d ms", took.Milliseconds())
	t.show("by hand")
	t.Must("systemctl", "start", "grabber.service", "moded-desktop.target", "vllm.service")
	return took
}

// loginScreen says when the greeter's compositor has the card, once dev's had it
// and let go.
func (t *T) loginScreen() <-chan time.Time {
	at := make(chan time.Time, 1)
	go func() {
		for end := time.Now().Add(switchLimit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			if hasCard("greeter") {
				break
			}
		}
		at <- time.Now()
	}()
	return at
}

// hasCard says whether a compositor of that user has the card open.
func hasCard(user string) bool {
	c, _ := credential(user)
	all, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, file := range all {
		comm, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(comm)) != "weston" {
			continue
		}
		dir := filepath.Dir(file)
		status, _ := os.ReadFile(dir + "/status")
		if !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%d\t", c.Uid)) {
			continue
		}
		fds, _ := filepath.Glob(dir + "/fd/*")
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); to == "/dev/dri/card0" {
				return true
			}
		}
	}
	return false
}

// backToDesktop lets dev log in where the greeter is.
func (t *T) backToDesktop() {
	fixtures(t)
	t.Must("systemctl", "restart", "display-manager.service")
	t.Quiet("chvt", "7")
	t.desktop(switchLimit)
	t.must(writeFile("/run/moded/env/vllm.service", "CUDA_VISIBLE_DEVICES="+gpu1+"\nMODED_TENSOR_PARALLEL_SIZE=1\n"))
	t.Must("systemctl", "start", "vllm.service")
}
