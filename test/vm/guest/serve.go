package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// share is where the host's directory is mounted.
const share = "/run/lab"

// serve mounts the share, runs what is ordered and says when it is done.
func serve() error {
	if err := mountShare(); err != nil {
		return err
	}
	uptime, _ := os.ReadFile("/proc/uptime")
	if err := put(lab.ReadyFile, string(uptime)); err != nil {
		return err
	}
	var order lab.Order
	text, err := os.ReadFile(at(lab.OrderFile))
	if err != nil {
		return fmt.Errorf("cannot read the order: %w", err)
	}
	if err := json.Unmarshal(text, &order); err != nil {
		return fmt.Errorf("cannot read the order: %w", err)
	}
	for _, name := range order.Scenarios {
		if err := runOne(name, order.Long); err != nil {
			return err
		}
	}
	collect()
	return put(lab.DoneFile, "")
}

// mountShare mounts the host's directory, unless it is there already, as after
// a soft reboot.
func mountShare() error {
	if _, err := os.Stat(at(lab.OrderFile)); err == nil {
		return nil
	}
	if err := os.MkdirAll(share, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("modprobe", "-a", "9pnet_virtio", "9p").CombinedOutput(); err != nil {
		return fmt.Errorf("cannot load 9p: %w: %s", err, out)
	}
	out, err := exec.Command("mount", "-t", "9p", "-o", "trans=virtio,version=9p2000.L,msize=131072", "lab", share).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot mount the share: %w: %s", err, out)
	}
	return nil
}

// at is a file on the share.
func at(name string) string { return filepath.Join(share, name) }

// put writes a file on the share in one step, so that the host never reads a
// half of it.
func put(name, text string) error {
	tmp := at("." + name)
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return os.Rename(tmp, at(name))
}

// progress is where a scenario of several parts stands.
type progress struct {
	scenario string
	part     int
	started  time.Time
}

// loadProgress reads the part that a former boot left to do.
func loadProgress() progress {
	text, err := os.ReadFile(at(lab.PartFile))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) != 3 {
		return progress{}
	}
	part, _ := strconv.Atoi(fields[1])
	unix, _ := strconv.ParseInt(fields[2], 10, 64)
	return progress{fields[0], part, time.Unix(unix, 0)}
}

// save keeps the progress for the next boot.
func (p progress) save() error {
	return put(lab.PartFile, fmt.Sprintf("%s %d %d", p.scenario, p.part, p.started.Unix()))
}

// errElsewhere says that a scenario goes on after the next boot.
var errElsewhere = errors.New("goes on after the next boot")

// runOne runs one scenario, or the part of it that is due, and reports it. A
// scenario that still has parts ends the runner: the boot is about to end.
func runOne(name string, long bool) error {
	s, ok := find(name)
	if !ok {
		return report(lab.Result{Scenario: name, Result: lab.Failed, Detail: "no such scenario"})
	}
	_ = put(lab.RunningFile, name)
	p := loadProgress()
	if p.scenario != name {
		p = progress{scenario: name, started: time.Now()}
	}
	t := newT(s, long)
	if p.part > 0 {
		before, _ := os.ReadFile(at(lab.NotesFile))
		t.detail.Write(before)
	}
	t.run(s, p)
	if t.elsewhere && !t.failed {
		return errElsewhere
	}
	result := lab.Passed
	if t.failed {
		result = lab.Failed
	}
	return report(lab.Result{Scenario: name, Result: result, Seconds: time.Since(p.started).Round(100 * time.Millisecond).Seconds(), Detail: t.detail.String()})
}

// report appends one line to the results.
func report(r lab.Result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(at(lab.ResultsFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot report %s: %w", r.Scenario, err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// collect keeps the machine's own account of the boot for the post-mortem.
func collect() {
	for name, command := range map[string]string{
		"journal.txt": "journalctl -b --no-pager -o short-monotonic",
		"blame.txt":   "systemd-analyze blame --no-pager; systemctl --failed --no-pager",
	} {
		out, _ := exec.Command("sh", "-c", command).CombinedOutput()
		_ = put(name, string(out))
	}
	syscall.Sync()
}
