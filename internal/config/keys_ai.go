package config

// aiTables documents the knobs of AI servers.
func aiTables() []Table {
	return []Table{
		{
			Path:  "MODE.vllm.NAME",
			Doc:   "A server of `[vllm]`: off, or on so many cards, by their names in `[gpus]`.",
			Short: "main = \"off\"",
			Keys: []Key{
				{"state", `"off" or "any"`, "", "instead of gpus"},
				{"gpus", "names of cards", "", "instead of state. No card whose owner in this mode is display or none"},
			},
			Knob: &Knob{
				Kind: "vllm", Rest: "off",
				Release:   "waits, for `drain-timeout`, until no request runs, and stops the unit",
				Acquire:   "writes `CUDA_VISIBLE_DEVICES` (by UUID) and the tensor-parallel size to `/run/moded/env/UNIT`, starts the unit, and waits until it answers and serves its model",
				Settled:   "off: the unit is down. On: it is up with this environment, and ready",
				Undo:      "puts the environment back, and the unit up or down as it was",
				Lost:      "requests that did not end in time; the loaded model, which must load again",
				Essential: "only in modes with `gui = false`", Missing: "the unit",
			},
			Example: "[gpus.gpu0]\npci = \"0000:01:00.0\"\n[vllm.main]\nunit = \"vllm.service\"\nurl = \"http://127.0.0.1:8000\"\n[base.gpus]\ngpu0 = \"any\"\n[base.vllm]\nmain = \"off\"\n[modes.compute.vllm]\nmain = { gpus = [\"gpu0\"] }\n",
		},
		{
			Path:  "MODE.k3s",
			Doc:   "How much this node does.",
			Short: "k3s = \"control-plane\"",
			Keys: []Key{
				{"state", `"full", "control-plane", "minimal", "off" or "any"`, Required, "full: everything; control-plane: cordoned, and drained; minimal: that, and throttled; off: the unit is stopped"},
			},
			Knob: &Knob{
				Kind: "k3s", Rest: "control-plane",
				Release:   "cordons and drains the node, with `drain-timeout`. When the API does not answer, it stops the unit and warns",
				Acquire:   "lifts our own cordon, throttles, or stops",
				Settled:   "the node is so",
				Undo:      "lifts the cordon that it made. An admin's own is never lifted",
				Lost:      "pods that were evicted: what made them makes new ones",
				Essential: "only in modes with `gui = false`", Missing: "the unit",
			},
			Example: "[k3s]\nnode = \"workstation\"\n[base]\nk3s = \"any\"\n[modes.compute]\nk3s = { state = \"full\", essential = false }\n",
		},
	}
}
