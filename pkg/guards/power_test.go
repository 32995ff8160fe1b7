package guards_test

import (
	"testing"
	"time"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
	"github.com/modectl/moded/pkg/guards"
)

func TestVerdictsOfPower(t *testing.T) {
	t.Parallel()
	on := func(mains bool, battery int) facts.Facts {
		return facts.Facts{Power: facts.Power{Mains: mains, Battery: battery}}
	}
	golden(t, "power", []verdict{
		{name: "mains pass", facts: on(true, -1)},
		{name: "mains pass with an empty battery", params: `{"min-battery":80}`, facts: on(true, 3)},
		{name: "a battery is never enough by itself", facts: on(false, 100)},
		{name: "a charged battery passes where it may", params: `{"min-battery":80}`, facts: on(false, 80)},
		{name: "a battery below the limit denies", params: `{"min-battery":80}`, facts: on(false, 79)},
		{name: "a charge that is not known is unknown", params: `{"min-battery":0}`, facts: on(false, -1)},
		{name: "a charge that cannot be is unknown", params: `{"min-battery":80}`, facts: on(false, 250)},
		{name: "power that is not seen is unknown", facts: facts.Facts{Power: facts.Power{Part: dark, Mains: true}}},
	})
}

func TestVerdictsOfHolds(t *testing.T) {
	t.Parallel()
	all := facts.Hold{Scope: "all", Who: "mixdown", Why: "rendering the album", UID: 1000, User: "ann"}
	automatic := facts.Hold{Scope: "automatic", Who: "backup", Why: "nightly", UID: 1001, User: "dev"}
	holds := func(list ...facts.Hold) facts.Facts { return facts.Facts{Holds: facts.Holds{List: list}} }
	golden(t, "holds", []verdict{
		{name: "no holds pass", facts: holds()},
		{name: "a hold against every change denies", facts: holds(all)},
		{name: "one against automatic changes does not", facts: holds(automatic)},
		{name: "it does when it is asked for", params: `{"scope":"automatic"}`, facts: holds(automatic, all)},
		{name: "a scope that is not known is against every change", facts: holds(facts.Hold{Scope: "most", UID: 7})},
		{name: "words are made fit for everybody", facts: holds(facts.Hold{Scope: "all", Who: "\x1b[2Jcp", Why: "copying /home/ann/secret.wav to ~/x\nnow", UID: 1000, User: "ann"})},
		{name: "holds that are not seen are unknown", facts: facts.Facts{Holds: facts.Holds{Part: facts.Part{Unknown: "nobody keeps holds"}}}},
		{name: "a hold that is seen denies, whatever else is dark", facts: facts.Facts{Holds: facts.Holds{Part: dark, List: []facts.Hold{all}}}},
	})
}

func TestVerdictsOfTimeWindow(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	on := func(day, hour, minute int) facts.Facts { // November 2026 begins on a Sunday
		return facts.Facts{At: time.Date(2026, 11, day, hour, minute, 0, 0, berlin)}
	}
	march := func(hour, minute int) facts.Facts { // 02:00 becomes 03:00 on this Sunday
		return facts.Facts{At: time.Date(2026, 3, 29, hour, minute, 0, 0, time.UTC).In(berlin)}
	}
	const night, work = `{"from":"22:00","to":"06:00"}`, `{"from":"22:00","to":"06:00","days":["fri"]}`
	golden(t, "time-window", []verdict{
		{name: "without times it is always the time", facts: on(4, 12, 0)},
		{name: "before the window denies", params: night, facts: on(4, 21, 59)},
		{name: "its first minute is in it", params: night, facts: on(4, 22, 0)},
		{name: "so are the hours after midnight", params: night, facts: on(5, 5, 59)},
		{name: "its last minute is not", params: night, facts: on(5, 6, 0)},
		{name: "a window of Friday begins on Friday", params: work, facts: on(6, 23, 0)},
		{name: "and lasts into Saturday", params: work, facts: on(7, 3, 0)},
		{name: "it does not begin on Saturday", params: work, facts: on(7, 23, 0)},
		{name: "the night before Friday is not it", params: work, facts: on(6, 3, 0)},
		{name: "Saturday's small hours belong to Friday even at the turn of a week", params: `{"from":"22:00","to":"06:00","days":["sat"]}`, facts: on(8, 3, 0)},
		{name: "a day may be a whole", params: `{"days":["sun"]}`, facts: on(8, 23, 59)},
		{name: "an hour that is left out in March lets the window begin with the next", params: `{"from":"02:30","to":"04:00"}`, facts: march(1, 0)},
		{name: "before that hour it is not the time", params: `{"from":"02:30","to":"04:00"}`, facts: march(0, 59)},
		{name: "an hour that comes twice in October is in it twice", params: `{"from":"02:00","to":"03:00"}`, facts: facts.Facts{At: time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC).In(berlin)}},
		{name: "facts without a time are unknown", params: night, facts: facts.Facts{}},
	})
}

func TestARecordIsJudgedInItsOwnZone(t *testing.T) {
	t.Parallel()
	at, err := time.Parse(time.RFC3339, "2026-11-04T23:30:00+09:00") // it is half past two in the afternoon in London
	if err != nil {
		t.Fatal(err)
	}
	spec := fsm.GuardSpec{Name: "night", Kind: "time-window", Params: `{"from":"22:00","to":"06:00"}`}
	v := guards.New(seen{&facts.Facts{At: at}}).Judge(t.Context(), fsm.Question{Guards: []fsm.GuardSpec{spec}}).Verdicts[0]
	if v.Outcome != fsm.Pass {
		t.Errorf("got %s, measured %s", v.Outcome, v.Measured)
	}
}
