package look_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

// seen are three of NVIDIA's GPUs and one of another, with who holds them by
// descriptors: the first a desktop, the second a service that computes; the
// third sleeps.
func seen() *facts.GPUs {
	weston := facts.Holder{PID: 1200, Comm: "weston", UID: 1000, Unit: "session-3.scope", Session: "3", Graphics: true, BusyPercent: -1}
	python := facts.Holder{PID: 1400, Comm: "python3", UID: 990, Unit: "ai.service", Compute: true, BusyPercent: -1}
	return &facts.GPUs{List: []facts.GPU{
		{PCI: "0000:01:00.0", Driver: "nvidia", Nodes: []string{"/dev/nvidia0"}, BusyPercent: -1, Holders: []facts.Holder{weston}},
		{PCI: "0000:02:00.0", Driver: "nvidia", Nodes: []string{"/dev/nvidia1"}, BusyPercent: -1, Holders: []facts.Holder{python}},
		{PCI: "0000:03:00.0", Driver: "nvidia", Nodes: []string{"/dev/nvidia2"}, BusyPercent: -1, Suspended: true},
		{PCI: "0000:04:00.0", Driver: "amdgpu", Nodes: []string{"/dev/dri/card0"}, BusyPercent: 3},
	}}
}

// describe knows weston and python; 500 is nobody.
func describe(pid uint32) (facts.Holder, bool) {
	for _, g := range seen().List {
		for _, h := range g.Holders {
			if h.PID == pid {
				h.Compute, h.Graphics, h.BusyPercent = false, false, -1
				return h, true
			}
		}
	}
	return facts.Holder{PID: pid, Comm: "unknown process", BusyPercent: -1}, pid != 500
}

// verdict is what the guard of kind gpu makes of GPUs when the session of weston
// ends and the plan stops ai.service.
func verdict(gpus facts.GPUs) fsm.Verdict {
	kinds := guards.Builtin()
	g, _ := kinds[slices.IndexFunc(kinds, func(k guards.Kind) bool { return k.Name == "gpu" })].New("")
	return g.Judge(&facts.Facts{GPUs: gpus}, guards.Asked{
		Ends:  []fsm.Session{{ID: "3", UID: 1000, Scope: "session-3.scope"}},
		Units: []string{"ai.service"}, Now: time.Unix(0, 0),
	})
}

// calm is a report on which the verdict is pass.
func calm() look.Report {
	return look.Report{Devices: []look.ReportDevice{
		{PCI: "00000000:01:00.0", UUID: "GPU-0", BusyPercent: 4, MemoryTotal: 10, MemoryUsed: 5, Temperature: 41, Listed: true, Shares: true,
			Processes: []look.ReportProcess{{PID: 1200, Graphics: true, BusyPercent: 2, Memory: 3}, {PID: 500, Graphics: true, BusyPercent: -1}}},
		{PCI: "00000000:02:00.0", UUID: "GPU-1", BusyPercent: 90, Listed: true, Shares: true,
			Instances: []facts.Instance{{UUID: "MIG-a", MemoryTotal: 5}},
			Processes: []look.ReportProcess{{PID: 1400, Compute: true, BusyPercent: 90, Instance: "MIG-a"}}},
	}}
}

func TestACalmReportPasses(t *testing.T) {
	t.Parallel()
	gpus := seen()
	calm().Merge(gpus, describe, nil)
	if v := verdict(*gpus); v.Outcome != fsm.Pass {
		t.Fatalf("got %+v of %+v", v, gpus)
	}
	g, mig := gpus.List[0], gpus.List[1]
	if g.Temperature != 41 || g.MemoryTotal != 10 || len(g.Holders) != 1 || g.Holders[0].Memory != 3 || g.Holders[0].BusyPercent != 2 {
		t.Errorf("got %+v", g)
	}
	if len(mig.Instances) != 1 || mig.Instances[0].UUID != "MIG-a" || mig.Holders[0].Instance != "MIG-a" {
		t.Errorf("got %+v", mig)
	}
}

func TestAPartialReportNeverPasses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm func(*look.Report)
		err  error
		says string
	}{
		"the child failed":            {err: errors.New("no answer within 10s"), says: "no answer within 10s"},
		"the library failed":          {harm: func(r *look.Report) { *r = look.Report{Problem: "no permission"} }, says: "no permission"},
		"the library failed half way": {harm: func(r *look.Report) { r.Problem = "cannot open device 2" }, says: "cannot open device 2"},
		"a device is lost":            {harm: func(r *look.Report) { r.Devices[1].Lost = "it fell" }, says: "0000:02:00.0: it fell"},
		"a device is not spoken of":   {harm: func(r *look.Report) { r.Devices = r.Devices[:1] }, says: "0000:02:00.0: the library did not speak of it"},
		"no device is":                {harm: func(r *look.Report) { r.Devices = nil }, says: "did not speak of it"},
		"its use is not known": {harm: func(r *look.Report) {
			r.Devices[0] = look.ReportDevice{PCI: "0000:01:00.0", BusyPercent: -1, Problem: "no figure"}
		}, says: "no figure"},
		"a sleeping one is lost": {harm: func(r *look.Report) {
			r.Devices = append(r.Devices, look.ReportDevice{PCI: "0000:03:00.0", Lost: "it fell"})
		}, says: "it fell"},
		"one is new and lists nobody":  {harm: func(r *look.Report) { r.Devices = append(r.Devices, look.ReportDevice{PCI: "0000:09:00.0"}) }, says: "0000:09:00.0: the library does not list"},
		"it names nobody and is busy":  {harm: func(r *look.Report) { r.Devices[0].BusyPercent, r.Devices[0].Processes = 90, nil }, says: "at work"},
		"somebody else is at work too": {harm: func(r *look.Report) { r.Devices[0].BusyPercent = 60 }, says: "holds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gpus, r := seen(), calm()
			if c.harm != nil {
				c.harm(&r)
			}
			if c.err != nil {
				r = look.Report{}
			}
			if name == "somebody else is at work too" {
				gpus.List[0].Holders = append(gpus.List[0].Holders, facts.Holder{PID: 7, Comm: "other", Graphics: true, BusyPercent: -1})
			}
			r.Merge(gpus, describe, c.err)
			if v := verdict(*gpus); v.Outcome == fsm.Pass || v.Outcome == fsm.Warn || !strings.Contains(v.Summary, c.says) {
				t.Errorf("%s: %s; want %q", v.Outcome, v.Summary, c.says)
			}
		})
	}
}

func TestWhatAHolderHasOfOneDeviceIsNotOfAnother(t *testing.T) {
	t.Parallel()
	gpus, r := seen(), calm()
	r.Devices[0].Processes = append(r.Devices[0].Processes, look.ReportProcess{PID: 1400, Compute: true, BusyPercent: -1})
	known := func(pid uint32) (facts.Holder, bool) {
		h, ok := describe(pid)
		h.Memory, h.Instance = 99, "MIG-other"
		return h, ok
	}
	r.Merge(gpus, known, nil)
	h := gpus.List[0].Holders[1]
	if h.PID != 1400 || h.Memory != 0 || h.Instance != "" {
		t.Errorf("got %+v", h)
	}
}

func FuzzReport(f *testing.F) {
	add := func(r look.Report) {
		text, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	add(calm())
	add(look.Report{Problem: "libnvidia-ml.so.1 not found", Absent: true})
	lost := calm()
	lost.Devices[0].Lost, lost.Devices[1].Listed = "it fell\x1b[2J", false
	add(lost)
	f.Add([]byte(`{"devices":[{"pci":"0000:01:00.0","busy-percent":-9,"listed":true,"processes":[{"pid":1200,"compute":true,"busy-percent":999}]}]}`))
	f.Add([]byte(`{}{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := look.DecodeReport(text)
		if err != nil {
			return
		}
		gpus := seen()
		r.Merge(gpus, describe, nil)
		checkMerged(t, r, gpus)
	})
}

// checkMerged checks what is true after every report.
func checkMerged(t *testing.T, r look.Report, gpus *facts.GPUs) {
	t.Helper()
	for i, was := range seen().List {
		for _, h := range was.Holders {
			if !slices.ContainsFunc(gpus.List[i].Holders, func(is facts.Holder) bool {
				return is.PID == h.PID && is.Comm == h.Comm && (is.Compute || is.Graphics)
			}) {
				t.Errorf("%s (%d) has its device open and is gone from it", h.Comm, h.PID)
			}
		}
	}
	for _, g := range gpus.List {
		checkShown(t, g.PCI, g.UUID, g.Model, g.Unmeasured)
		checkPercent(t, g.BusyPercent)
		pids := map[uint32]bool{}
		for _, h := range g.Holders {
			checkShown(t, h.Comm, h.Instance)
			checkPercent(t, h.BusyPercent)
			if pids[h.PID] || h.PID == 500 {
				t.Errorf("%d holds %s, again or though it is nobody", h.PID, g.PCI)
			}
			pids[h.PID] = true
		}
		for _, i := range g.Instances {
			checkShown(t, i.UUID, i.Model)
		}
	}
	checkShown(t, gpus.Unknown)
	failed := r.Problem != "" && !r.Absent || slices.ContainsFunc(r.Devices, func(d look.ReportDevice) bool { return d.Lost != "" })
	if failed && gpus.Known() {
		t.Error("the library failed and all is known")
	}
	if v := verdict(*gpus); failed && (v.Outcome == fsm.Pass || v.Outcome == fsm.Warn) {
		t.Errorf("the library failed and the verdict is %+v", v)
	}
}

func checkPercent(t *testing.T, n int) {
	t.Helper()
	if n < -1 || n > 100 {
		t.Errorf("%d percent", n)
	}
}

func checkShown(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > 1000 || strings.ContainsFunc(s, func(r rune) bool { return r != '…' && !unicode.IsPrint(r) }) {
			t.Errorf("%q is not fit to be shown", s)
		}
	}
}
