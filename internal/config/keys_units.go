package config

// unitTables documents the knobs of PID 1.
func unitTables() []Table {
	return []Table{
		{
			Path:  "MODE.units.UNIT",
			Doc:   "A unit of the system: service, socket, timer, target, mount, automount, path or\nswap. A unit has one owner: what `[gui]`, `[vllm]`, `[k3s]` or a hook names cannot be\nhere, nor can what moded, the bus, polkit or logind need.",
			Short: "\"ai.service\" = \"inactive\"",
			Keys: []Key{
				{"state", `"active", "inactive" or "any"`, Required, ""},
				{"environment.NAME", "text of at most 4096 bytes on one line", "", "a variable for the service while it is active, written to `/run/moded/env/UNIT`. The unit must say `EnvironmentFile=/run/moded/env/UNIT`, without a dash"},
				{"ready", "address on this machine", `""`, "asked after the start until it answers 200. A service is active long before it serves"},
				{"ready-timeout", "time", `"2m"`, "how long that may take"},
				{"start-timeout", "time", `"90s"`, "how long the start job may take"},
				{"stop-timeout", "time", `"90s"`, "how long the stop job may take"},
			},
			Knob: &Knob{
				Kind: "units", Rest: "inactive",
				Release:   "stops the unit and takes its environment away",
				Acquire:   "writes the environment, starts the unit, waits until it is ready. One that runs with another environment is stopped first",
				Settled:   "inactive: down. Active: up, started with this environment, and ready",
				Undo:      "puts the environment back, and the unit up or down as it was",
				Lost:      "what the service had in memory",
				Essential: "yes", Missing: "the unit, for active. One that does not exist is inactive",
			},
			Example: "[base.units.\"ai.service\"]\nstate = \"inactive\"\nready = \"http://127.0.0.1:8000/health\"\nready-timeout = \"5m\"\nstart-timeout = \"2m\"\nstop-timeout = \"1m\"\nwhen-missing = \"skip\"\n[modes.compute.units.\"ai.service\"]\nstate = \"active\"\nenvironment = { AI_PROFILE = \"throughput\" }\n",
		},
		{
			Path: "MODE.slices.SLICE",
			Doc: "Limits of a slice of PID 1, at run time only. Only what is named is touched. Each\n" +
				"limit may be `\"any\"`. What a mode limits, base must limit too.",
			Keys: []Key{
				{"cpu-weight", `number from 1 to 10000, or "any"`, "", "`CPUWeight=`; 100 is systemd's default"},
				{"io-weight", `number from 1 to 10000, or "any"`, "", "`IOWeight=`; 100 is systemd's default"},
				{"memory-high", `size such as "8GiB", "infinity" or "any"`, "", "`MemoryHigh=`"},
				{"cpu-quota", `share such as "150%", "infinity" or "any"`, "", "`CPUQuota=`; 100% is one CPU"},
				{"allowed-cpus", `list such as "0-3,8", "all" or "any"`, "", "`AllowedCPUs=`"},
			},
			Knob: &Knob{
				Kind:      "slices",
				Release:   "none",
				Acquire:   "sets the limits and reads them back",
				Settled:   "the limits read as set",
				Undo:      "sets what they were",
				Lost:      "nothing",
				Essential: "yes", Missing: "a slice without processes and without a unit file: limits on it would do nothing",
			},
			Example: "[base.slices.\"system.slice\"]\ncpu-weight = 100\nio-weight = 100\nmemory-high = \"infinity\"\ncpu-quota = \"infinity\"\nallowed-cpus = \"all\"\n[modes.studio.slices.\"system.slice\"]\ncpu-weight = 20\nallowed-cpus = \"0-3\"\n",
		},
		{
			Path: "MODE.user-slices.SLICE",
			Doc: "Limits of a slice inside the manager of every user that is logged in, through their\nmoded-agent: " +
				"a standing order, given again to whoever logs in later. A desktop has its\nprograms in `app.slice`, PipeWire and the " +
				"compositor in `session.slice`, indexers and\nbackups in `background.slice`. Each limit may be `\"any\"`. " +
				"CPU sets are not given to\nusers' managers: say them of `user.slice`, in `slices`.",
			Keys: []Key{
				{"cpu-weight", `number from 1 to 10000, or "any"`, "", "`CPUWeight=`; systemd ships 30 for background.slice, else 100"},
				{"io-weight", `number from 1 to 10000, or "any"`, "", "`IOWeight=`; only where io is delegated to users' managers: `Delegate=` of `user@.service`"},
				{"memory-high", `size such as "8GiB", "infinity" or "any"`, "", "`MemoryHigh=`"},
			},
			Knob: &Knob{
				Kind:      "user-slices",
				Release:   "none",
				Acquire:   "orders the limits, and waits up to 10 s until every agent has set them",
				Settled:   "the order stands, and the control group of every user's slice has the limits or nothing is in it. With nobody logged in it is settled",
				Undo:      "gives the order of before again; without one, the agents put back what they found",
				Lost:      "nothing",
				Essential: "no", Missing: "never: with nobody there, everybody follows",
			},
			Example: "[base.user-slices.\"background.slice\"]\ncpu-weight = 30\nio-weight = \"any\"\nmemory-high = \"infinity\"\n[modes.studio.user-slices.\"background.slice\"]\ncpu-weight = 10\nmemory-high = \"2GiB\"\n",
		},
	}
}
