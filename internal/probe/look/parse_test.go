package look_test

import (
	"cmp"
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
	const uid = "0a1b2c3d-0000-1111-2222-333344445555"
	// slice, unit, slice and unit of the user's manager, session, pod
	for name, c := range map[string]struct{ text, want string }{
		"a service":                          {"0::/system.slice/ai.service\n", "system.slice ai.service - - - -"},
		"below a service that delegates":     {"0::/system.slice/docker.service/payload/x.scope\n", "system.slice docker.service - - - -"},
		"a session":                          {"0::/user.slice/user-1000.slice/session-c2.scope\n", "user.slice session-c2.scope - - c2 -"},
		"a user's service":                   {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n", "user.slice user@1000.service app.slice app-x.scope - -"},
		"a user's sound":                     {"0::/user.slice/user-1000.slice/user@1000.service/session.slice/pipewire.service\n", "user.slice user@1000.service session.slice pipewire.service - -"},
		"a user's manager":                   {"0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", "user.slice user@1000.service - init.scope - -"},
		"PID 1":                              {"0::/init.scope\n", "- init.scope - - - -"},
		"a kernel thread":                    {"0::/\n", "- - - - - -"},
		"an instance in a slice of its own":  {"0::/system.slice/system-getty.slice/getty@tty1.service\n", "system.slice getty@tty1.service - - - -"},
		"a container of no pod":              {"0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-ab.scope\n", "kubepods.slice cri-containerd-ab.scope - - - -"},
		"a pod":                              {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-ab.scope\n", "kubepods.slice cri-containerd-ab.scope - - - " + uid},
		"a guaranteed pod":                   {"0::/kubepods.slice/kubepods-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-ab.scope\n", "kubepods.slice cri-containerd-ab.scope - - - " + uid},
		"a pod of the cgroupfs driver":       {"0::/kubepods/besteffort/pod" + uid + "/0123abcd\n", "kubepods.slice - - - - " + uid},
		"a static pod":                       {"0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/0123abcd\n", "kubepods.slice - - - - 0123456789abcdef0123456789abcdef"},
		"a pod on the old hierarchy":         {"4:memory:/kubepods/x\n1:name=systemd:/kubepods/burstable/pod" + uid + "/01\n0::/\n", "kubepods.slice - - - - " + uid},
		"somebody who plays a pod":           {"0::/user.slice/user-1000.slice/user@1000.service/kubepods/burstable/pod" + uid + "/01\n", "user.slice user@1000.service - - - -"},
		"a pod whose UID is none":            {"0::/kubepods/burstable/pod\x1b[2J0123456789abcdef/01\n", "kubepods.slice - - - - -"},
		"a name that the kernel would mind":  {"0::/system.slice/_cgroup.service\n", "system.slice cgroup.service - - - -"},
		"a unit that is gone":                {"0::/system.slice/old.service (deleted)\n", "system.slice old.service - - - -"},
		"another cgroup namespace":           {"0::/../../system.slice/ai.service\n", "- - - - - -"},
		"a cgroup that systemd did not make": {"0::/mine/system.slice/ai.service\n", "- - - - - -"},
		"the old hierarchy":                  {"2:cpu:/x\n1:name=systemd:/user.slice/user-1.slice/session-4.scope\n0::/\n", "user.slice session-4.scope - - 4 -"},
		"nonsense":                           {"0\n0:\n::\n", "- - - - - -"},
		"nothing":                            {"", "- - - - - -"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slice, unit, userSlice, userUnit, session, pod := look.Place(c.text)
			var got []string
			for _, part := range []string{slice, unit, userSlice, userUnit, session, pod} {
				got = append(got, cmp.Or(part, "-"))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
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

// BenchmarkLook is all that the guards ask of this machine, without the wait
// between two looks.
func BenchmarkLook(b *testing.B) {
	m := look.New()
	m.Gap = 0
	for b.Loop() {
		m.Look(context.Background(), probe.Question{Load: true, Memory: true, Audio: true, GPUs: true, Usage: true, Jobs: true, Power: true, Patient: true})
	}
}

// BenchmarkHolders is a walk for one file.
func BenchmarkHolders(b *testing.B) {
	m := look.New()
	for b.Loop() {
		_, _ = m.Holders(context.Background(), "/dev/full")
	}
}
