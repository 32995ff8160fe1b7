package main

import (
	"reflect"
	"testing"

	"github.com/modectl/moded/test/vm/lab"
)

func TestFiguresAreFoundInWhatScenariosWroteDown(t *testing.T) {
	t.Parallel()
	rows, err := figures([]lab.Result{{Scenario: "a", Detail: "[   1.0] $ true  (exit 0)\n" +
		`[   2.0] FIGURE {"name":"there","ours":3,"peer":4,"peer_name":"by hand","unit":"ms","ratio":0.75,"goal":1}` + "\n"}})
	want := []row{{Name: "there", Ours: 3, Peer: 4, PeerName: "by hand", Unit: "ms", Ratio: 0.75, Goal: 1}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v, %v", rows, err)
	}
	for name, detail := range map[string]string{"nothing": "[ 1.0] all well", "half a figure": `[ 1.0] FIGURE {"name":`} {
		if rows, err := figures([]lab.Result{{Detail: detail}}); err == nil {
			t.Errorf("%s: got %+v", name, rows)
		}
	}
}
