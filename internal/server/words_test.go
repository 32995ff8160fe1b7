package server_test

import (
	"testing"

	"github.com/modectl/moded/internal/server"
	"github.com/modectl/moded/pkg/fsm"
)

func TestASettingIsSaidInFewWords(t *testing.T) {
	t.Parallel()
	for value, want := range map[fsm.Value]string{
		`{"state":"on","units":["gdm.service"]}`:                                                 "on",
		`{"owner":"display","pci":"p"}`:                                                          "display",
		`{"owner":"compute","power-limit":"250W","persistence":true,"mig":["3g.20gb","1g.5gb"]}`: "compute, power-limit 250W, mig 3g.20gb 1g.5gb, persistence true",
		`{"owner":"none","compute-mode":"prohibited"}`:                                           "none, compute-mode prohibited",
	} {
		if got := server.Words(value); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}
