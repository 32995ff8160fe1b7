package config

// machineTables documents the top of the file and what the machine has.
func machineTables() []Table {
	return []Table{
		{
			Path: "",
			Doc:  "Keys before the first table.",
			Keys: []Key{
				{"default-mode", "a mode", `"desktop"`, "where `boot` goes. Every mode must be reachable from it by hand"},
				{"restore", "boolean", "false", "go to the mode that a person chose last instead, unless the last shutdown was not clean: a mode that took the machine down is not entered again by itself"},
				{"drift", `"report" or "correct"`, `"report"`, "what happens when a knob no longer stands where the mode wants it: say so, as degraded, or put it back. systemd's signals tell, within 2 seconds; each knob is put back 3 times in 10 minutes, then only told. Neither ends a person's session"},
				{"gpus", `"auto", or a table for each card`, "", "`\"auto\"` finds the cards when they are asked for, and calls the one with a connected screen `primary` and all the rest `others`. Naming them is safer where more than one has a screen"},
			},
			Example: "default-mode = \"studio\"\nrestore = true\n",
		},
		{
			Path: "idle",
			Doc: "When an unused machine takes the edges that name the trigger `idle`. All sessions of\n" +
				"persons must have been idle for that time without a break: a desktop by its own hint\n" +
				"(GNOME and KDE give it; a bare compositor needs swayidle or the like), a terminal when\n" +
				"logind calls it idle, which it does after its `IdleActionSec=`. A session of which logind\n" +
				"sees no input, such as `ssh machine command`, is in use. A login screen is nobody. Waking\n" +
				"up, a new configuration and a new mode begin the time anew.\n\n" +
				"Guards are asked as for anybody. What they refuse is tried again after 10 minutes, then\n" +
				"after twice as long each time, up to 2 hours, and goes to the history once a day. Where a\n" +
				"person's session would end, the edge's `grace` counts down: any activity ends it, and so\n" +
				"does a hold (`modectl hold`).",
			Keys: []Key{
				{"after", "time of at least one minute", `""`, "for how long nobody must have used the machine; empty turns idleness off"},
				{"sessions", `"none", "locked" or "any"`, `"none"`, "which graphical sessions idleness may end: none at all (it counts only while nobody has a desktop), only those whose screen is locked, or any"},
			},
			Example: "[idle]\nafter = \"30m\"\nsessions = \"locked\"\n",
		},
		{
			Path: "gpus.NAME",
			Doc: "A card, under a name of your own. At least one of `pci` and `uuid` must be there;\n" +
				"with both, either finds it. Naming cards here drops what the embedded default says\n" +
				"about `primary` and `others`.",
			Keys: []Key{
				{"pci", "PCI address", "", "the full address, as `lspci -D` prints it"},
				{"uuid", "UUID", "", "NVIDIA's, as `nvidia-smi -L` prints it. It stays when the card moves to another slot"},
				{"release-timeout", "time", `"30s"`, "how long a change of mode waits for the card's holders to be gone before it fails and names them"},
			},
			Example: "[gpus.gpu0]\nuuid = \"GPU-8932f937-d72c-4106-c12f-20bd9faed9f6\"\n[gpus.gpu1]\npci = \"0000:02:00.0\"\nrelease-timeout = \"1m\"\n[base.gpus]\ngpu0 = \"display\"\ngpu1 = \"any\"\n",
		},
		{
			Path: "gui",
			Doc:  "What the graphical interface is on this machine.",
			Keys: []Key{
				{"units", "units", `["display-manager.service", "graphical.target"]`, "started in this order and stopped in the reverse one. No other table may name them. Each needs the gate of `examples/gate.conf` to stay down in a mode without a GUI"},
			},
			Example: "[gui]\nunits = [\"display-manager.service\", \"graphical.target\"]\n",
		},
		{
			Path: "vllm.NAME",
			Doc: "An inference server, under a name of your own. Declared here it can be asked by\n" +
				"guards and moved by modes, and what it holds on a GPU is known to be managed.",
			Keys: []Key{
				{"unit", "service", Required, "its unit, owned by this table: neither `units` nor `[gui]` may name it. It must say `EnvironmentFile=/run/moded/env/UNIT`, without a dash, so that it does not start unsteered on all cards"},
				{"url", "address on this machine", Required, "where it serves: 127.0.0.1, ::1 or localhost"},
				{"model", "text", `""`, "the model that it must serve to count as ready; empty: any"},
				{"tensor-parallel", `"gpus", or a number from 1 to 64`, `"gpus"`, "how many ranks it has: one for each of its cards, or so many. The unit passes it on: `--tensor-parallel-size ${MODED_TENSOR_PARALLEL_SIZE}`"},
				{"drain-timeout", "time", `"2m"`, "how long requests may take to end before the server is stopped; `\"0s\"` does not wait"},
				{"ready-timeout", "time", `"20m"`, "how long the start of the unit and of the server in it may take together"},
			},
			Example: "[vllm.main]\nunit = \"vllm.service\"\nurl = \"http://127.0.0.1:8000\"\nmodel = \"qwen3-32b\"\ntensor-parallel = \"gpus\"\ndrain-timeout = \"2m\"\nready-timeout = \"20m\"\n",
		},
		{
			Path: "k3s",
			Doc: "This machine as a node of a cluster. moded-workload needs a kubeconfig to ask the\n" +
				"API: see `examples/kubernetes`.",
			Keys: []Key{
				{"unit", "service", `"k3s.service"`, "the server's or the agent's unit, owned by this table"},
				{"node", "name of a node", `""`, "empty: the host name"},
				{"drain-timeout", "time", `"5m"`, "how long evicted pods may take to end"},
				{"start-timeout", "time", `"3m"`, "how long the unit may take to start"},
				{"label", "boolean", "false", "label the node `modectl.org/mode=MODE` with the mode that it is in, so that the cluster's scheduler finds the machines in compute (a pod's `nodeSelector`). A mode whose k3s is any leaves it as it is"},
				{"taint", `"NoSchedule" or "PreferNoSchedule"`, "", "taint the node `modectl.org/mode=MODE` with this effect: only pods that tolerate the mode are placed here. DaemonSets need the toleration, too"},
				{"scale-to-zero", "label KEY=VALUE", `""`, "Deployments and StatefulSets with this label, in all namespaces, have no replicas while the node is drained; each remembers its own in the annotation `modectl.org/replicas`. It needs `examples/kubernetes/moded-rbac-scale.yaml`. Do not put it on what a HorizontalPodAutoscaler scales"},
				{"evict-emptydir", "boolean", "false", "a drain may evict pods with an emptyDir, whose data is lost with them. Otherwise it fails before it touches anything, and names them"},
				{"evict-unmanaged", "boolean", "false", "the same for pods without a controller, which nothing brings back"},
				{"evict-system", "boolean", "false", "a drain ends the pods of kube-system as well"},
				{"killall", "service", `""`, "a unit that off starts after the stop, to end the containers that k3s leaves running: `\"moded-k3s-off.service\"` runs k3s-killall.sh"},
				{"cpu-weight", "number from 1 to 10000", "100", "CPU weight of the unit in full and control-plane. Nothing is weighed where no mode says minimal"},
				{"minimal-cpu-weight", "number from 1 to 10000", "10", "its CPU weight in minimal. Its pods have a slice of their own, which only a `slices` table weighs, as that of `kubepods.slice` in examples/workstation.toml does"},
			},
			Example: "[k3s]\nunit = \"k3s.service\"\nnode = \"workstation\"\ndrain-timeout = \"5m\"\nlabel = true\ntaint = \"PreferNoSchedule\"\nscale-to-zero = \"modectl.org/scale=zero\"\nevict-emptydir = true\nkillall = \"moded-k3s-off.service\"\n",
		},
	}
}
