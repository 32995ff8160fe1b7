package serve_test

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/workload/serve"
)

func FuzzMetrics(f *testing.F) {
	text, err := os.ReadFile("testdata/vllm.metrics")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("# TYPE vllm:num_requests_running histogram\nvllm:num_requests_running 1\nvllm:num_requests_waiting 2 1700000000\n")
	f.Add("vllm:num_requests_running{a=\"\\\"}\"} 1e3\nvllm:num_requests_waiting{} +Inf\nvllm:generation_tokens_total NaN\n")
	f.Fuzz(func(t *testing.T, text string) {
		running, waiting, tokens, err := serve.ReadMetrics(strings.NewReader(text))
		if err != nil && (running != 0 || waiting != 0 || tokens != nil) {
			t.Errorf("an error (%v) and numbers: %d, %d", err, running, waiting)
		}
		if running < 0 || waiting < 0 || running > math.MaxInt32 || waiting > math.MaxInt32 {
			t.Errorf("%d and %d are not numbers of requests", running, waiting)
		}
		if err == nil && (!strings.Contains(text, "vllm:num_requests_running") || !strings.Contains(text, "vllm:num_requests_waiting")) {
			t.Error("numbers that nobody told")
		}
	})
}

func FuzzPaused(f *testing.F) {
	f.Add(`{"is_paused": true}`)
	f.Add(`{"is_paused":false,"mode":"wait"} x`)
	f.Add(`{"is_paused":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		paused, err := serve.ReadPaused(strings.NewReader(text))
		if err != nil && paused || err == nil && !strings.Contains(strings.ToLower(text), "paused") && !strings.Contains(text, `\`) {
			t.Errorf("paused %v, %v", paused, err)
		}
	})
}

func FuzzREAPER(f *testing.F) {
	f.Add(fmt.Sprintf(answer, "5", "64"))
	f.Add("TRANSPORT\t0\r\nTRACK\t0\t\t0\t\r\n\r\nNTRACK\t0\r\n")
	f.Add("NTRACK\t1\nTRACK\t1\ta\tb\t64\t1\nTRANSPORT\t6\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		state, armed, err := serve.ReadProject(strings.NewReader(text))
		if (err == nil) == (state == "") || armed < 0 || armed > strings.Count(text, "TRACK") {
			t.Errorf("state %q, armed %d, error %v", state, armed, err)
		}
		if err == nil && (!strings.Contains(text, "TRANSPORT\t") || !strings.Contains(text, "NTRACK\t")) {
			t.Error("a project that nobody told of")
		}
	})
}

func FuzzListeners(f *testing.F) {
	f.Add(head+socket(v4, "1F90", "0A", 1000)+socket(v6Any, "1F90", "0A", 1), uint16(8080))
	f.Add(head+socket(v4In6, "0050", "0A", 65534)+socket(foreign, "0050", "01", 4), uint16(80))
	f.Add(head+"   1: 0100007F:0016 x 0A\n", uint16(22))
	f.Fuzz(func(t *testing.T, table string, port uint16) {
		for _, host := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
			uid, err := serve.Takes(strings.NewReader(table), netip.AddrPortFrom(host, port))
			if err == nil && !strings.Contains(table, fmt.Sprint(uid)) {
				t.Errorf("uid %d is nowhere in the table", uid)
			}
		}
	})
}
