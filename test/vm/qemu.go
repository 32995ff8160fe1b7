package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// machine is one guest: its files, and the share that it reports through.
type machine struct {
	img      image
	initrd   string
	dir      string // serial.log, share/
	disk     string // the disk that it boots from
	snapshot bool   // forget what is written to the disk
}

// errPanic is a panic of the guest's kernel: the one thing that is tried again.
var errPanic = errors.New("the guest's kernel panicked")

// ending is why a boot is over.
type ending int

const (
	endDone ending = iota // the guest has nothing left to do
	endExit               // QEMU exited: the guest rebooted or powered off
	endCut                // the guest asked for a power cut and got it
)

// share is the directory that the guest sees over 9p.
func (m *machine) share() string { return filepath.Join(m.dir, "share") }

// args is QEMU's command line. One CPU: with two, and TCG threads, the guest's
// kernel panics now and then while it patches its own text.
func (m *machine) args() []string {
	return []string{
		"-accel", "tcg,tb-size=512", "-cpu", "max", "-M", "q35", "-m", "2048", "-smp", "1",
		"-display", "none", "-monitor", "none", "-no-reboot", "-nodefaults", "-vga", "none",
		"-kernel", m.img.kernel, "-initrd", m.initrd,
		"-append", "root=/dev/vda rw rootfstype=ext4 console=ttyS0 quiet psi=1 panic=-1 mitigations=off nokaslr audit=0",
		"-drive", fmt.Sprintf("file=%s,format=raw,if=virtio,cache=%s,snapshot=%s", m.disk, m.caching(), onOff(m.snapshot)),
		"-device", "virtio-vga,addr=08", "-device", "virtio-rng-pci", "-device", "virtio-keyboard-pci",
		"-audiodev", "none,id=a", "-device", "intel-hda", "-device", "hda-duplex,audiodev=a", "-net", "none",
		"-serial", "file:" + m.serial(),
		"-virtfs", "local,path=" + m.share() + ",mount_tag=lab,security_model=none",
	}
}

// caching is unsafe where nobody boots from the disk again. Killing QEMU loses
// nothing that the guest had flushed to it in either case.
func (m *machine) caching() string {
	if m.snapshot {
		return "unsafe"
	}
	return "writeback"
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// serial is the file of the serial console.
func (m *machine) serial() string { return filepath.Join(m.dir, "serial.log") }

// boot starts the machine and watches it until it ends, panics or ctx is over.
func (m *machine) boot(ctx context.Context) (ending, error) {
	cmd := exec.Command("qemu-system-x86_64", m.args()...)
	out, err := os.Create(filepath.Join(m.dir, "qemu.log"))
	if err != nil {
		return endExit, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return endExit, fmt.Errorf("cannot start qemu: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	end, err, running := m.watch(ctx, exited)
	if running {
		_ = cmd.Process.Kill()
		<-exited //nolint:errcheck // it was killed
	}
	if m.panicked() {
		return end, errPanic
	}
	return end, err
}

// watch polls the share and the serial console; running says whether QEMU is
// still there.
func (m *machine) watch(ctx context.Context, exited <-chan error) (end ending, err error, running bool) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return endExit, fmt.Errorf("cannot finish in time: %w", context.Cause(ctx)), true
		case err := <-exited:
			return endExit, err, false
		case <-tick.C:
		}
		switch {
		case m.has(lab.DoneFile):
			return endDone, nil, true
		case m.has(lab.CutFile):
			return endCut, os.Remove(filepath.Join(m.share(), lab.CutFile)), true
		case m.panicked():
			return endExit, errPanic, true
		}
	}
}

// has says whether the guest has written the file.
func (m *machine) has(name string) bool {
	_, err := os.Stat(filepath.Join(m.share(), name))
	return err == nil
}

// panicked looks for a kernel panic on the serial console.
func (m *machine) panicked() bool {
	text, err := os.ReadFile(m.serial())
	return err == nil && bytes.Contains(text, []byte("Kernel panic - not syncing"))
}
