package config

// knobTables documents the knobs of the desktop.
func knobTables() []Table {
	return []Table{
		{
			Path:  "MODE.gui",
			Doc:   "Whether there is a graphical interface: the units of `[gui]` and the sessions on it.",
			Short: "gui = false",
			Keys: []Key{
				{"state", `true, false, "on", "off" or "any"`, Required, "off makes the mode a headless one: leaving it has a polkit action of its own, and /run/issue.d tells the person at the console how"},
			},
			Knob: &Knob{
				Kind: "gui", Rest: "off",
				Release:   "shuts the gates (`/run/moded/deny`), stops the units, and ends the sessions that the plan named, and no others: asked to, then forced to, then named as what is in the way",
				Acquire:   "opens the gates and starts the units. No session is ended to begin a GUI",
				Settled:   "on: every unit is active and its gate open. Off: units down, gates shut, nobody there, and nothing left of the sessions that were ended",
				Undo:      "opens the gates and starts the units that were up; or stops those it started, unless somebody has logged in on them by then: the rollback stops there, `stuck`",
				Lost:      "**the programs of the sessions that were ended.** This step is the plan's point of no return; a rollback past it gives a login screen",
				Essential: "yes", Missing: "a unit of `[gui]` that does not exist, for on",
			},
			Example: "[base]\ngui = true\n[modes.compute]\ngui = { state = \"off\" }\n",
		},
		{
			Path: "MODE.gpus.NAME",
			Doc: "Who may have a card: NAME is one of `[gpus]`, or `primary` and `others` with `gpus = \"auto\"`;\n" +
				"and what its driver is told, for a card of NVIDIA's with a name of its own. A mode that turns one of\n" +
				"the driver's knobs needs it in base, where the other modes get it from, also those that say only who\n" +
				"owns the card. A knob that is \"default\", \"off\" or false is settled on a card that does not have it.",
			Short: "gpu0 = \"display\"",
			Keys: []Key{
				{"owner", `"display", "compute", "none" or "any"`, Required, "display: no compute process has it open; compute: no graphics client has it open; none: nobody has"},
				{"compute-mode", `"default", "exclusive-process", "prohibited" or "any"`, "", "how many processes may compute on it: any number, one, or none. With prohibited in a mode whose owner is none nobody can, even by hand; graphics are not affected. Not together with parts"},
				{"power-limit", `a power such as "250W", "default" or "any"`, "", "default is the driver's own. Without persistence the driver forgets a limit when nobody has the card open"},
				{"persistence", `true, false or "any"`, "", "keep the driver's state when nobody has the card open; on a machine with nvidia-persistenced leave it out"},
				{"mig", `"off", a list of profiles such as ["3g.20gb", "1g.5gb"], or "any"`, "", "cut the card into parts (MIG), each with one compute instance of its full size. Nobody may have the card open for it, the display neither. What the card can be is in nvidia-smi mig -lgip. MIG outlives a reboot"},
			},
			Knob: &Knob{
				Kind: "gpus", Rest: "nobody holds it (where display is wanted, graphics clients may stay)",
				Release:   "a barrier: waits, for `release-timeout`, until its holders are really gone. It ends nobody; it fails and names who is left. A change of the driver's knobs alone asks nobody to leave, but new parts do",
				Acquire:   "looks that nobody is in the new owner's way; then moded-gpu.service tells the driver what differs. That comes before a display manager starts",
				Settled:   "no holder that the owner does not stand, and each knob reads back as stated, also for the time after the next reset. What cannot be seen is not settled. To read a knob wakes a card that sleeps",
				Undo:      "puts the driver's knobs back to what they were; a barrier moved nothing",
				Lost:      "the memory of parts that were removed: nobody held them",
				Essential: "yes", Missing: "the card",
			},
			Example: "[base.gpus]\nprimary = \"display\"\nothers = \"any\"\n[modes.studio.gpus]\nothers = { owner = \"none\", when-missing = \"skip\" }\n",
		},
		{
			Path:  "MODE.audio",
			Doc:   "The sound of every user that is logged in, through their moded-agent: a standing\norder, given again to whoever logs in later or whose PipeWire starts again.",
			Short: "audio = \"on\"",
			Keys: []Key{
				{"state", `"on", "realtime", "off" or "any"`, Required, "realtime forces quantum and rate; off stops the sockets and services of the user's PipeWire"},
				{"quantum", "a power of two from 16 to 8192", "", "frames a period, with realtime only; the user's own when not given"},
				{"rate", "number from 8000 to 768000", "", "samples a second, with realtime only; the user's own when not given"},
			},
			Knob: &Knob{
				Kind: "audio", Rest: "off; between on and realtime there is none",
				Release:   "orders off, and waits up to 30 s until every agent follows",
				Acquire:   "orders on or realtime, and waits alike",
				Settled:   "the order stands and every registered agent follows it; off: no user without an agent has an audio server either. With nobody logged in it is settled",
				Undo:      "gives the order of before again. A PipeWire that does not come back does not hold up the rest of the rollback",
				Lost:      "what was playing or recording",
				Essential: "yes", Missing: "never: with nobody there, everybody follows",
			},
			Example: "[base]\naudio = \"on\"\n[modes.studio]\naudio = { state = \"realtime\", quantum = 64, rate = 48000 }\n",
		},
		{
			Path:  "MODE.target",
			Doc:   "A systemd target of the mode. Units that shall live and die with the mode say\n`WantedBy=` and `PartOf=` it in their own files; no list is kept here.",
			Short: "target = \"moded-desktop.target\"",
			Keys: []Key{
				{"unit", `target, or "any"`, Required, "`moded-NAME.target`, or any other"},
				{"isolate", "boolean", "false", "systemd's own isolate as the last step: what the target does not want stops, by name in the plan. The target must say `AllowIsolate=yes`; refused when bus, login, polkit, ssh, network, firewall, moded, the display manager or a unit that the mode keeps would stop"},
			},
			Knob: &Knob{
				Kind: "target", Rest: "in none of the modes' targets",
				Release:   "first of all stops the other modes' targets and their members, but for what the new one has too, each by name",
				Acquire:   "last of all starts the target and its members",
				Settled:   "the target is active and no other mode's is",
				Undo:      "stops what it started and starts what it stopped",
				Lost:      "what the stopped members had in memory",
				Essential: "yes", Missing: "the target",
			},
			Example: "[base]\ntarget = \"moded-desktop.target\"\n[modes.compute]\ntarget = { unit = \"moded-compute.target\", when-missing = \"skip\" }\n",
		},
		{
			Path:  "MODE.tune",
			Doc:   "The knobs of the kernel that low-latency audio wants: CPU governor and energy\npreference (or the profile of power-profiles-daemon, where that runs), wake-up latency,\nswappiness. They are held by moded-tune.service while it is active.",
			Short: "tune = \"low-latency\"",
			Keys: []Key{
				{"state", `"off", "low-latency" or "any"`, Required, ""},
			},
			Knob: &Knob{
				Kind:      "tune",
				Release:   "none: off is acquired like low-latency",
				Acquire:   "starts or stops moded-tune.service",
				Settled:   "the unit is active, or is not",
				Undo:      "the same the other way round. The unit puts back what each knob was in its ExecStopPost=, also after SIGKILL; a knob that somebody else has turned since stays as they want it",
				Lost:      "nothing",
				Essential: "no", Missing: "moded-tune.service",
			},
			Example: "[base]\ntune = { state = \"off\", when-missing = \"skip\" }\n[modes.studio]\ntune = { state = \"low-latency\", essential = true }\n",
		},
	}
}
