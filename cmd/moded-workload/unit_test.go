package main_test

import (
	"os"
	"strings"
	"testing"
)

// The unit is part of what the helper promises: it starts without a kubeconfig,
// it can see whose sockets are whose, and it reaches nothing but loopback.
func TestTheUnitAllowsWhatTheHelperDoesAndNoMore(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../systemd/moded-workload.service")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		lines[strings.TrimSpace(line)] = true
	}
	for _, must := range []string{
		"LoadCredential=kubeconfig:/etc/moded/kubeconfig", `SetCredential=kubeconfig:\n`,
		"IPAddressDeny=any", "IPAddressAllow=localhost", "CapabilityBoundingSet=", "ProcSubset=pid", "PrivateMounts=yes",
	} {
		if !lines[must] {
			t.Errorf("the unit does not say %s", must)
		}
	}
	if lines["PrivateUsers=yes"] || lines["PrivateNetwork=yes"] {
		t.Error("the unit hides what the helper must see")
	}
}
