package loopback_test

import (
	"net"
	"slices"
	"testing"

	"github.com/modectl/moded/internal/workload/loopback"
)

func TestOnlyThisMachineHasAddresses(t *testing.T) {
	t.Parallel()
	for host, want := range map[string][]string{
		"localhost": {"127.0.0.1", "::1"}, "127.0.0.1": {"127.0.0.1"}, "127.1.2.3": {"127.1.2.3"}, "::1": {"::1"},
		"": nil, "0.0.0.0": nil, "::": nil, "192.0.2.1": nil, "::1%lo": nil, "localhost.": nil, "LOCALHOST": nil,
		"localhost.example.org": nil, "127.1": nil, "2130706433": nil, "::ffff:192.0.2.1": nil,
	} {
		if got := loopback.Addresses(host); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func TestADialStaysHere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := loopback.Dial(t.Context(), "tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for _, address := range []string{"192.0.2.1:80", "example.org:80", "0.0.0.0:" + port, "127.0.0.1"} {
		if conn, err := loopback.Dial(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s was reached", address)
		}
	}
}
