package bustest_test

import (
	"os"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/modectl/moded/internal/bustest"
)

const nobody = 65534

func TestABusKnowsItsClients(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	conn := b.Connect(t)
	var uid uint32
	if err := conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixUser", 0, conn.Names()[0]).Store(&uid); err != nil {
		t.Fatal(err)
	}
	if int(uid) != os.Geteuid() {
		t.Errorf("the bus says uid %d", uid)
	}
}

func TestOnlyRootsPlaceMayOwnTheName(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	other := b.ConnectAs(t, nobody)
	if _, err := other.RequestName("org.modectl.Manager1", dbus.NameFlagDoNotQueue); err == nil {
		t.Error("nobody may own the name")
	}
	reply, err := b.Connect(t).RequestName("org.modectl.Manager1", dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Errorf("cannot own the name: %v %v", reply, err)
	}
}

func TestTheRealPolkitdFollowsTheTestsRules(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	b.Polkit(t, `polkit.addRule(function(action, subject) {
	if (action.id == "org.modectl.hold") return polkit.Result.NO;
	if (action.id == "org.modectl.administer") return polkit.Result.YES;
});`)
	other := b.ConnectAs(t, nobody)
	for action, want := range map[string][2]bool{
		"org.modectl.hold":        {false, false},
		"org.modectl.administer":  {true, false},
		"org.modectl.switch-mode": {false, true},
	} {
		subject := struct {
			Kind    string
			Details map[string]dbus.Variant
		}{"system-bus-name", map[string]dbus.Variant{"name": dbus.MakeVariant(other.Names()[0])}}
		var r struct {
			OK, Challenge bool
			Details       map[string]string
		}
		err := b.Connect(t).Object("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority").
			Call("org.freedesktop.PolicyKit1.Authority.CheckAuthorization", 0, subject, action, map[string]string{}, uint32(0), "").
			Store(&r)
		if err != nil || r.OK != want[0] || r.Challenge != want[1] {
			t.Errorf("%s: got %v %v, %v", action, r.OK, r.Challenge, err)
		}
	}
}
