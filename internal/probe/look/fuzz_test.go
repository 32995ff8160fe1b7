package look_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// clean tells whether a name can be shown as it is.
func clean(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsAny(name, "\x00\x1b\n\r\x7f") && utf8.RuneCountInString(name) <= facts.MaxText+1
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
	f.Add("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_0000_1111_2222_333344445555.slice/x.scope\n")
	f.Add("0::/kubepods/burstable/pod0a1b2c3d-0000-1111-2222-333344445555/0\n")
	f.Fuzz(func(t *testing.T, text string) {
		slice, unit, userSlice, userUnit, session, pod := look.Place(text)
		if strings.Contains(slice+unit+userSlice+userUnit+session+pod, "/") {
			t.Errorf("a name with a slash: %q %q %q %q %q %q", slice, unit, userSlice, userUnit, session, pod)
		}
		if userUnit+userSlice != "" && !strings.HasPrefix(unit, "user@") {
			t.Errorf("a unit of nobody's manager: %q %q", unit, userUnit)
		}
		if pod != "" && (slice != "kubepods.slice" || strings.Trim(pod, "0123456789abcdef-") != "") {
			t.Errorf("a pod that is none: %q in %q", pod, slice)
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add(fake{pid: 7, comm: "bash", tty: pts0, tpgid: 7}.stat())
	f.Add(fake{pid: 7, comm: "ev) R 1 2\n(il", state: "Z"}.stat())
	f.Add("1 () S 0 1 1 0 -1 4194560 1 2 3 4 5 6 -7 -8 20 0 1 0 5 6 7 18446744073709551615 1 1 0 0 0 0 671173123 4096 1260")
	f.Add("1 (x) S 99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		comm, state, numbers, ok := look.Stat(text)
		if !ok {
			return
		}
		if !strings.Contains(text, "("+comm+") "+string(rune(state))+" ") && state < 0x80 {
			t.Errorf("the name is %q, the state %q", comm, state)
		}
		if numbers[4] < 0 || numbers[5] < 0 {
			t.Errorf("time runs backwards: %v", numbers)
		}
		// Whatever a process is called, it is called that and nothing else changes.
		_, after, _ := strings.Cut(text, "("+comm+")")
		again, state2, numbers2, ok := look.Stat("1 (a) R 1 (\n)" + after)
		if !ok || again != "a) R 1 (\n" || state2 != state || numbers2 != numbers {
			t.Errorf("with another name it is %q %q %v %v, not %q %v", again, state2, numbers2, ok, state, numbers)
		}
	})
}

func FuzzStatus(f *testing.F) {
	f.Add("Name:\tx\nState:\tZ (zombie)\nUid:\t1000\t1001\t0\t0\nThreads:\t1\n")
	f.Add("Name:\tUid:\\t0\nUid:\t-1\t4294967296\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, gone, ok := look.Status(text); (ok || gone) && !strings.Contains(text, "Uid:") && !strings.Contains(text, "State:") {
			t.Errorf("from nothing: %v %v", gone, ok)
		}
	})
}

func FuzzLocks(f *testing.F) {
	f.Add("1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF")
	f.Add("1: -> FLOCK  ADVISORY  READ -1 fe:00:18446744073709551615 0 EOF")
	f.Add("1: OFDLCK ADVISORY  READ -1 00:2f:9 100 100")
	f.Add("1: ACCESS *NOINODE*")
	f.Fuzz(func(t *testing.T, line string) {
		class, waits, pid, _, _, inode, ok := look.Lock(line)
		if !ok && (class != "" || waits || pid != 0 || inode != 0) {
			t.Errorf("half a lock: %q %v %d %d", class, waits, pid, inode)
		}
		if ok && !waits && strings.Contains(" "+strings.Join(strings.Fields(line), " ")+" ", ": -> ") {
			t.Errorf("a waiter holds it: %q", line)
		}
	})
}

func FuzzPasswd(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000::/home/dev:/bin/sh\n")
	f.Add("\x1b[2J:x:1:\na:x:1:\n::::\n+\n")
	f.Fuzz(func(t *testing.T, text string) {
		for uid, name := range look.Users(text) {
			if !clean(name) {
				t.Errorf("%d is called %q", uid, name)
			}
		}
	})
}

func FuzzPower(f *testing.F) {
	f.Add("100", "200", "50", "1", "")
	f.Add("-1", "0", "101", "", "99999999999999999999")
	f.Fuzz(func(t *testing.T, energy, full, capacity, charge, chargeFull string) {
		values := map[string]string{"energy_now": energy, "energy_full": full, "capacity": capacity, "charge_now": charge, "charge_full": chargeFull}
		now, all, err := look.Charge(values)
		if err == nil && !(now >= 0 && now <= all && all > 0) {
			t.Errorf("%v of %v", now, all)
		}
	})
}

func FuzzCPUs(f *testing.F) {
	f.Add("0-7,9")
	f.Add("9-1,,-")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := look.CPUs(text); ok && (n < 1 || n > 1<<16) {
			t.Errorf("%d CPUs", n)
		}
	})
}
