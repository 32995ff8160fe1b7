package stage_test

import (
	"os"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/test/e2e/stage"
)

func TestAStageHasABusOnWhichTheCallerMayBeModed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := stage.New(t.Context(), stage.Options{Bin: dir})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dbus.Connect(s.Bus)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := conn.RequestName("org.modectl.Manager1", dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Errorf("got %v, %v", r, err)
	}
	if _, err := conn.RequestName("org.example.Other", dbus.NameFlagDoNotQueue); err == nil {
		t.Error("the policy of a system bus lets anybody have any name")
	}
	_ = conn.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Runtime); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}
