package config

import (
	"encoding/json"
	"slices"

	"github.com/modectl/moded/pkg/fsm"
)

// OwnedUnits names the units that settings of the modes own, sorted: what they
// hold and burn is managed. It is what the actions of those kinds say, read off
// the settings, for those who have no actions.
func OwnedUnits(modes ...fsm.Mode) []string {
	var units []string
	for _, m := range modes {
		for _, s := range m.Settings {
			units = append(units, unitsOf(s)...)
		}
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// tuneUnit is the unit that settings of the kind tune move.
const tuneUnit = "moded-tune.service"

func unitsOf(s fsm.Setting) []string {
	var v struct {
		Units  []string `json:"units"`
		Unit   string   `json:"unit"`
		Target string   `json:"target"`
		// Killall is k3s's.
		Killall string `json:"killall"`
	}
	_ = json.Unmarshal([]byte(s.Value), &v) // a broken value owns nothing, and its action says so
	switch {
	case s.Kind == "units":
		return []string{s.Key}
	case s.Kind == "tune":
		return []string{tuneUnit}
	case s.Kind == "vllm", s.Kind == "k3s" && v.Killall == "":
		return []string{v.Unit}
	case s.Kind == "gui":
		return v.Units
	case s.Kind == "k3s":
		return []string{v.Unit, v.Killall}
	case s.Kind == "target" && v.Target != "":
		return []string{v.Target}
	}
	return nil
}
