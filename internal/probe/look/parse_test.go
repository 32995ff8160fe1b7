package look_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
)

func TestCgroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a service":                          {"0::/system.slice/ai.service\n", "ai.service  "},
		"below a service that delegates":     {"0::/system.slice/docker.service/payload/x.scope\n", "docker.service  "},
		"a session":                          {"0::/user.slice/user-1000.slice/session-c2.scope\n", "session-c2.scope  c2"},
		"a user's service":                   {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n", "user@1000.service app-x.scope "},
		"a user's manager":                   {"0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", "user@1000.service init.scope "},
		"PID 1":                              {"0::/init.scope\n", "init.scope  "},
		"a kernel thread":                    {"0::/\n", "  "},
		"an instance in a slice of its own":  {"0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service  "},
		"a pod":                              {"0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-ab.scope\n", "cri-containerd-ab.scope  "},
		"a name that the kernel would mind":  {"0::/system.slice/_cgroup.service\n", "cgroup.service  "},
		"a unit that is gone":                {"0::/system.slice/old.service (deleted)\n", "old.service  "},
		"another cgroup namespace":           {"0::/../../system.slice/ai.service\n", "  "},
		"a cgroup that systemd did not make": {"0::/mine/system.slice/ai.service\n", "  "},
		"the old hierarchy":                  {"2:cpu:/x\n1:name=systemd:/user.slice/user-1.slice/session-4.scope\n0::/\n", "session-4.scope  4"},
		"nothing":                            {"", "  "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unit, userUnit, session := look.Place(t, c.text)
			if got := unit + " " + userUnit + " " + session; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestUse(t *testing.T) {
	t.Parallel()
	const head = "drm-driver:\tx\ndrm-client-id:\t7\n"
	for name, c := range map[string]struct {
		was, is string
		want    float64
	}{
		"half of an engine":                {"drm-engine-render: 100 ns\n", "drm-engine-render: 500100 ns\n", 0.5},
		"two of one kind":                  {"drm-engine-video: 0 ns\ndrm-engine-capacity-video: 2\n", "drm-engine-video: 1000000 ns\ndrm-engine-capacity-video: 2\n", 0.5},
		"an engine that is first used":     {"", "drm-engine-gfx: 250000 ns\n", 0.25},
		"a counter that went back":         {"drm-engine-gfx: 9 ns\n", "drm-engine-gfx: 1 ns\n", 0},
		"the busiest counts":               {"drm-engine-a: 0 ns\ndrm-engine-b: 0 ns\n", "drm-engine-a: 100000 ns\ndrm-engine-b: 700000 ns\n", 0.7},
		"cycles of xe":                     {"drm-cycles-rcs: 0\ndrm-total-cycles-rcs: 100\n", "drm-cycles-rcs: 30\ndrm-total-cycles-rcs: 200\n", 0.3},
		"cycles that stand":                {"drm-cycles-rcs: 0\ndrm-total-cycles-rcs: 100\n", "drm-cycles-rcs: 30\ndrm-total-cycles-rcs: 100\n", 0},
		"more than all is all":             {"drm-engine-gfx: 0 ns\n", "drm-engine-gfx: 99000000 ns\n", 1},
		"a driver that claims no capacity": {"drm-engine-gfx: 0 ns\n", "drm-engine-gfx: 500000 ns\ndrm-engine-capacity-gfx: 0\n", 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := look.Since(head+c.was, head+c.is, time.Millisecond); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNormalPCI(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"00000000:0A:00.0": "0000:0a:00.0", "0000:01:00.0": "0000:01:00.0", "00010000:01:00.0": "10000:01:00.0", "": "",
	} {
		if got := look.NormalPCI(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzFdinfo(f *testing.F) {
	f.Add("pos:\t0\ndrm-driver:\tamdgpu\ndrm-client-id:\t7\ndrm-engine-gfx:\t1000000 ns\ndrm-engine-capacity-gfx:\t2\n")
	f.Add("drm-client-id:\t1\ndrm-cycles-rcs:\t5\ndrm-total-cycles-rcs:\t9\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, engines, _ := look.Fdinfo(text); len(engines) > 64 {
			t.Error("too many engines are kept")
		}
		if use := look.Since("", text, time.Second); !(use >= 0 && use <= 1) {
			t.Errorf("the use is %v", use)
		}
	})
}

func FuzzCgroup(f *testing.F) {
	f.Add("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n")
	f.Add("1:name=systemd:/system.slice/_a.service (deleted)\n0::/..\n")
	f.Fuzz(func(t *testing.T, text string) {
		unit, userUnit, session := look.Place(t, text)
		if strings.Contains(unit+userUnit+session, "/") {
			t.Errorf("a name with a slash: %q %q %q", unit, userUnit, session)
		}
		if userUnit != "" && !strings.HasPrefix(unit, "user@") {
			t.Errorf("a unit of nobody's manager: %q %q", unit, userUnit)
		}
	})
}

// BenchmarkWalk is a walk through this machine's processes and descriptors.
func BenchmarkWalk(b *testing.B) {
	m := look.New()
	for b.Loop() {
		m.Look(context.Background(), probe.Question{GPUs: true, Audio: true, Patient: true})
	}
}
