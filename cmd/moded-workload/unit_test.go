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

// k3s-killall.sh unmounts what containers had mounted, for the whole machine: a
// mount namespace of its own would hide that it did not.
func TestTheUnitThatEndsContainersWorksInTheHostsMounts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../systemd/moded-k3s-off.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		for _, setting := range []string{"Protect", "Private", "ReadOnly", "ReadWrite", "Inaccessible", "Bind", "Temporary", "RootDirectory", "Mount", "DynamicUser"} {
			if strings.HasPrefix(line, setting) {
				t.Errorf("%q makes a mount namespace", strings.TrimSpace(line))
			}
		}
	}
}
