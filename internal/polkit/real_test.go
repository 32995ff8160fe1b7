package polkit_test

import (
	"testing"

	"github.com/modectl/moded/internal/bustest"
	"github.com/modectl/moded/internal/polkit"
)

func TestTheRealPolkitAnswers(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	b.Polkit(t, `polkit.addRule(function(action, subject) {
	if (action.id.indexOf("org.modectl.") != 0 || subject.user != "nobody") return;
	if (action.lookup("mode") == "no") return polkit.Result.NO;
	if (action.lookup("mode") == "yes") return polkit.Result.YES;
});`)
	a := polkit.New(b.Connect(t), people{make(chan struct{})})
	other, root := b.ConnectAs(t, nobody).Names()[0], b.Connect(t).Names()[0]
	for name, c := range map[string]struct {
		check         polkit.Check
		ok, challenge bool
		fails         bool
	}{
		"root may whatever the rules say":     {check: polkit.Check{Sender: root, Details: map[string]string{"mode": "no"}}, ok: true},
		"yes for nobody":                      {check: polkit.Check{Sender: other, Details: map[string]string{"mode": "yes"}}, ok: true},
		"no for nobody":                       {check: polkit.Check{Sender: other, Details: map[string]string{"mode": "no"}}},
		"a password for nobody":               {check: polkit.Check{Sender: other}, challenge: true},
		"a prompt that nobody can show":       {check: polkit.Check{Sender: other, Interactive: true}, challenge: true},
		"yes needs no prompt":                 {check: polkit.Check{Sender: other, Details: map[string]string{"mode": "yes"}, Interactive: true}, ok: true},
		"an action that is not there fails":   {check: polkit.Check{Sender: other, Action: "org.modectl.nothing"}, fails: true},
		"a caller that is not there fails":    {check: polkit.Check{Sender: ":1.4242"}, fails: true},
		"a caller by a well-known name fails": {check: polkit.Check{Sender: "org.freedesktop.PolicyKit1"}, fails: true},
		"a caller without a name fails":       {check: polkit.Check{}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.check.Action == "" {
				c.check.Action = "org.modectl.end-sessions"
			}
			r, err := a.Check(t.Context(), c.check)
			if r.Authorized() != c.ok || r.Challenge() != c.challenge || (err != nil) != c.fails {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestARealPolkitThatHangsDenies(t *testing.T) {
	t.Parallel()
	bustest.RequireRoot(t)
	b := bustest.Start(t)
	d := b.Polkit(t, `polkit.addRule(function(action, subject) { return polkit.Result.YES; });`)
	a := polkit.New(b.Connect(t), people{make(chan struct{})})
	check := polkit.Check{Sender: b.ConnectAs(t, nobody).Names()[0], Action: "org.modectl.administer"}
	if r, err := a.Check(t.Context(), check); err != nil || !r.Authorized() {
		t.Fatalf("got %+v, %v", r, err)
	}
	d.Hang()
	if r, err := a.Check(t.Context(), check); err == nil || r.Authorized() {
		t.Errorf("hanging: got %+v, %v", r, err)
	}
	d.Kill()
	if r, err := a.Check(t.Context(), check); err == nil || r.Authorized() {
		t.Errorf("gone: got %+v, %v", r, err)
	}
}
