package config

// aiTables documents the knobs of AI servers.
func aiTables() []Table {
	return []Table{
		{
			Path: "MODE.vllm.NAME",
			Doc: "A server of `[vllm]`: off, or on so many cards, by their names in `[gpus]`. In its\n" +
				"environment file, `/run/moded/env/UNIT`, the unit finds `CUDA_VISIBLE_DEVICES` (UUIDs of\n" +
				"cards that are there, in the order of `gpus`), `CUDA_DEVICE_ORDER`, `MODED_VLLM_GPUS` (their\n" +
				"names) and `MODED_TENSOR_PARALLEL_SIZE`; see `examples/vllm.service`.",
			Short: "main = \"off\"",
			Keys: []Key{
				{"state", `"off" or "any"`, "", "instead of gpus"},
				{"gpus", "names of cards", "", "instead of state. No card whose owner in this mode is display or none"},
			},
			Knob: &Knob{
				Kind: "vllm", Rest: "off",
				Release:   "shuts the unit's gate; tells the server to begin nothing new, where it can be told so (`VLLM_SERVER_DEV_MODE=1`); waits, for `drain-timeout`, until it has no requests; stops the unit, and waits until its cgroup is empty and what held cards has let go of them. A server whose metrics are silent for 15 s, or that nobody listens for, is stopped undrained. Processes that outlive the stop are killed through PID 1, and named if that does not end them",
				Acquire:   "writes the environment file, opens the gate, starts the unit, and waits until `/health` is good, the model is served, and processes of the unit hold the given cards and no others. A unit that goes down, or begins anew, ends the wait at once. Before anything is touched, the plan is refused when the unit does not insist on its file, `KillMode=` would leave the engine on the cards, a card is not there or has no UUID, or the ranks do not go with the cards or with a number that `ExecStart=` states",
				Settled:   "off: the unit is down, its cgroup empty, its gate shut. On: what acquire waits for",
				Undo:      "puts the environment, the gate and the unit back as they were, and lets a server that was paused accept again. What the step itself started is stopped undrained, and a server that runs again is not waited for",
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
				{"state", `"full", "control-plane", "minimal", "off" or "any"`, Required, "full: everything; control-plane: cordoned, and drained; minimal: that, and the unit has `minimal-cpu-weight`; off: drained, and the unit stopped and kept down"},
			},
			Knob: &Knob{
				Kind: "k3s", Rest: "cordoned and drained, or down",
				Release:   "cordons and drains the node: through evictions, which respect PodDisruptionBudgets, and at most for `drain-timeout`; then it fails and names the pods with their budgets. Pods of DaemonSets, static ones and those that have ended are left alone, and kube-system's unless `evict-system` is set. When the API server is silent for a minute it stops the unit instead, and says so as degraded. An API server that says no fails it: a missing kubeconfig, a role that was taken away. For off this is the whole way: it goes on to shut the gate, stop the unit and start `killall`",
				Acquire:   "opens the gate, starts the unit and sets its CPU weight. full: lifts our own cordon (`modectl.org/cordoned-by`, never another's), scales back. control-plane and minimal: cordon and drain. All: label and taint",
				Settled:   "the API server says so: for full no cordon of ours and nothing that we scaled to zero; for control-plane and minimal no pod that would have to go; label, taint and weight as they should be. off: the unit is down, with its gate shut",
				Undo:      "starts the unit if it ran, and puts cordon, label, taint, replicas and weight back. While the API server is away it waits for a minute, three times. After a crash the same. A cordon that was there stays",
				Lost:      "pods that were evicted: what made them makes new ones",
				Essential: "only in modes with `gui = false`", Missing: "the unit",
			},
			Example: "[k3s]\nnode = \"workstation\"\n[base]\nk3s = \"any\"\n[modes.compute]\nk3s = { state = \"full\", essential = false }\n",
		},
	}
}
