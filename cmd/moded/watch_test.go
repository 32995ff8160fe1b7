package main

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/triggers"
)

func TestTriggersAreAskedForWhatTheModeWants(t *testing.T) {
	t.Parallel()
	cfg, err := config.Compile([]config.Source{config.Default(), {Name: "test", Text: `
drift = "correct"
[idle]
after = "30m"
sessions = "locked"
[vllm.main]
unit = "vllm.service"
url = "http://127.0.0.1:8000"
[k3s]
[modes.studio.units."fstrim.timer"]
state = "inactive"
[modes.studio.audio]
state = "realtime"
quantum = 64
[base.units."fstrim.timer"]
state = "active"
[base.slices."system.slice"]
cpu-weight = 100
`}})
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: cfg}
	got := d.triggers("studio")
	for _, unit := range []string{"display-manager.service", "fstrim.timer", "k3s.service", "moded-studio.target", "vllm.service"} {
		if !slices.Contains(got.Units, unit) {
			t.Errorf("of %s there is no news: %q", unit, got.Units)
		}
	}
	if slices.Contains(got.Units, "system.slice") {
		t.Error("a slice is followed, of which systemd tells whenever something starts in it")
	}
	got.Units = nil
	want := triggers.Settings{IdleAfter: 30 * time.Minute, IdleSessions: triggers.LockedSessions, Correct: true, Sound: true}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if d.triggers("compute").Sound {
		t.Error("a mode with audio off wants sound")
	}
	if got := d.triggers("boot"); len(got.Units) > 0 {
		t.Errorf("boot owns %q", got.Units)
	}
}
