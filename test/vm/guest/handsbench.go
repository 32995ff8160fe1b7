package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/test/vm/lab"
)

// benchScenarios measure. What they find is in their detail, a line of JSON for
// each figure, which test/bench shows.
func benchScenarios() []scenario {
	return []scenario{
		long("hands-overhead", 300, handsOverhead),
		long("hands-rollback-time", 200, handsRollbackTime),
	}
}

// figure writes one down for test/bench. The ratio is ours over the peer's.
func (t *T) figure(name string, ours, peer time.Duration, peerName string, goal float64) {
	f := lab.Figure{Name: name, Ours: float64(ours.Milliseconds()), Peer: float64(peer.Milliseconds()), PeerName: peerName, Unit: "ms",
		Ratio: float64(ours) / float64(peer), Goal: goal}
	raw, err := json.Marshal(f)
	t.must(err)
	t.Logf("%s%s", lab.FigureMark, raw)
}

// travel goes to the mode by the bus, without the countdown, and waits for
// moded's last word.
func (t *T) travel(w *witness, mode string) (began time.Time, end finish) {
	w.forget()
	before := cpuUsed()
	began = time.Now()
	var id uint32
	err := w.conn.Object(busName, dbus.ObjectPath(busPath)).Call(busIface+".SwitchMode", 0, mode, uint32(2), uint32(0), "bench").Store(&id)
	if err != nil {
		t.Fatalf("SwitchMode(%s): %v", mode, err)
	}
	select {
	case end = <-w.finished:
		t.Logf("%s", cpuText(before, cpuUsed()))
		return began, end
	case <-time.After(switchLimit):
		t.modedLog()
		t.Fatalf("no end of the way to %s", mode)
	}
	return began, end
}

// tour is the two ways there and back again.
var tour = []string{"studio", "desktop", "compute", "desktop"}

// way names one leg of the tour.
func way(i int) string { return append([]string{"desktop"}, tour...)[i] + " to " + tour[i] }

const benchRounds = 2

// blind is the lab's edges without their guards, which the script has not either.
const blind = `
[[edges]]
event = "enter_studio"
from  = "desktop"
to    = "studio"
[[edges]]
event   = "to_compute"
from    = "desktop"
to      = "compute"
through = "transitioning"
[[edges]]
event   = "to_desktop"
from    = "compute"
to      = "desktop"
through = "transitioning"
`

// legs are how long each leg of the tour took, each time.
type legs [4][]time.Duration

// handsOverhead goes the two ways there and back: moded, moded without guards and
// a shell script in turn. They are compared with each other, and moded with what
// others did in it.
func handsOverhead(t *T) {
	t.workstationLab()
	t.allowed("compute")
	w := t.witness()
	var ours, alike, theirs, others, othersAlike legs
	for range benchRounds {
		t.tourByModed(w, "moded", &ours, &others)
		t.configure(fmt.Sprintf(vllmModes, "30s", "2m") + workstation + blind)
		t.tourByModed(w, "moded without guards", &alike, &othersAlike)
		t.configure(fmt.Sprintf(vllmModes, "30s", "2m") + workstation)
		t.Must("systemctl", "stop", "moded.service")
		for i := range tour {
			took := t.byScript(w, i)
			t.Logf("script, %s: %d ms", way(i), took.Milliseconds())
			theirs[i] = append(theirs[i], took)
		}
		t.Must("systemctl", "start", "moded.service")
		t.Eventually("mode desktop", settleLimit, t.wantMode("desktop"))
		t.allowed("compute")
	}
	for i := range tour {
		t.figure(way(i)+" in the VM, guards and all (p50)", middle(ours[i]), middle(theirs[i]), "shell script without guards", 1)
		t.figure(way(i)+" in the VM, without guards (p50)", middle(alike[i]), middle(theirs[i]), "shell script without guards", 1)
	}
	for _, c := range []struct {
		name         string
		wall, others legs
	}{{"guards and all", ours, others}, {"without guards", alike, othersAlike}} {
		for i, name := range []string{"desktop to studio to desktop", "desktop to compute to desktop"} {
			wall, chain := total(c.wall[2*i:2*i+2]), total(c.others[2*i:2*i+2])
			t.figure(name+" in the VM but for what others did, "+c.name, wall-chain, wall, "the whole", 0.05)
		}
	}
}

// tourByModed goes the whole tour.
func (t *T) tourByModed(w *witness, who string, took, others *legs) {
	for i := range tour {
		wall, chain := t.byModed(w, i)
		t.Logf("%s, %s: %d ms, others %d ms", who, way(i), wall.Milliseconds(), chain.Milliseconds())
		took[i], others[i] = append(took[i], wall), append(others[i], chain)
	}
}

// byModed is one leg, and how long others were at work in it.
func (t *T) byModed(w *witness, i int) (took, chain time.Duration) {
	began, end := t.travel(w, tour[i])
	if end.outcome != "settled" {
		t.modedLog()
		t.Fatalf("%s ended %s in %s: %s", way(i), end.outcome, end.mode, end.message)
	}
	took, chain = end.at.Sub(began), w.chain(t.served())
	t.Logf("%s", w.table(began))
	t.arrived(i, func() error { return t.wantMode(tour[i])() })
	return took, chain
}

// byScript is the same leg by hand.
func (t *T) byScript(w *witness, i int) time.Duration {
	w.forget()
	before := cpuUsed()
	began := time.Now()
	r := t.Quiet("/bin/sh", "/usr/lib/lab/switch.sh", tour[i])
	took := time.Since(began)
	t.Logf("%s\n%s%s", cpuText(before, cpuUsed()), w.table(began), r.all)
	if r.code != 0 {
		t.Fatalf("the script: exit %d", r.code)
	}
	t.arrived(i, func() error { return nil })
	return took
}

// arrived waits until the machine is where it should be, whoever brought it
// there, and has come to rest.
func (t *T) arrived(i int, also func() error) {
	switch tour[i] {
	case "studio":
		t.want("studio", also, t.vllmGone, t.forced("256", "48000"), t.is("moded-tune.service", "active"), t.weighs("20"), t.inTarget("studio"))
	case "compute":
		t.want("compute", also, t.isCompute, t.vllmSees(gpu0+","+gpu1, "/dev/nvidia0", "/dev/nvidia1"), t.inTarget("compute"))
	default:
		t.want("desktop", also, t.isDesktop, t.weighs("100"), t.is("moded-tune.service", "inactive"), t.inTarget("desktop"), t.vllmSees(gpu1, "/dev/nvidia1"))
	}
	time.Sleep(2 * time.Second)
}

// served is when the server got ready, by its own word.
func (t *T) served() time.Time {
	r := t.Quiet("curl", "-fsS", "-m", "5", vllmURL+"/since")
	us, _ := strconv.ParseInt(strings.TrimSpace(r.out), 10, 64) // nobody serves: long ago
	return time.UnixMicro(us)
}

func middle(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func total(all [][]time.Duration) (sum time.Duration) {
	for _, leg := range all {
		for _, d := range leg {
			sum += d
		}
	}
	return sum
}

// Who uses the CPU, by cgroup.
var cpuGroups = []string{"", "init.scope", "user.slice", "system.slice/moded.service", "system.slice/moded-probe.service", "system.slice/moded-workload.service",
	"system.slice/dbus-broker.service", "system.slice/systemd-logind.service", "system.slice/lab-runner.service"}

// cpuUsed is how many microseconds each has used so far.
func cpuUsed() map[string]int {
	out := map[string]int{}
	for _, g := range cpuGroups {
		raw, _ := os.ReadFile("/sys/fs/cgroup/" + g + "/cpu.stat") // gone is none
		if _, text, ok := strings.Cut(string(raw), "usage_usec "); ok {
			out[g], _ = strconv.Atoi(strings.Fields(text)[0])
		}
	}
	return out
}

func cpuText(before, after map[string]int) string {
	var words []string
	for _, g := range cpuGroups {
		name := g[strings.LastIndex(g, "/")+1:]
		if name == "" {
			name = "all"
		}
		words = append(words, fmt.Sprintf("%s %d", name, (after[g]-before[g])/1000))
	}
	return "CPU ms: " + strings.Join(words, ", ")
}
