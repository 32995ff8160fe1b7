package config

// edgeTables documents the ways between modes, and what asks on them.
func edgeTables() []Table {
	return []Table{
		{
			Path: "edges",
			Doc: "One `[[edges]]` for each way from a mode to another; there are no other ways. An\n" +
				"edge of the same event, from and to in a lower layer is replaced, the others stay.\n" +
				"At most one edge of a pair is taken by hand. No edge may lead from realtime audio\n" +
				"straight to a mode without GUI.\n\n" +
				"| trigger | what begins the edge |\n|---|---|\n" +
				"| `manual` | a person asks for the mode. Without any triggers an edge is manual |\n" +
				"| `idle` | nobody has used the machine for as long as `[idle]` says, as moded has seen itself: a resume or a restart of moded makes nobody idle |\n" +
				"| `studio-user-gone` | who had a desktop when the mode settled has logged out |\n" +
				"| `pipewire-gone` | the PipeWire that ran when the mode settled is gone |\n" +
				"| `memory-pressure` | tasks have waited for memory 10 % of 2 s, as the kernel says (PSI, watched by moded-pressure.service). Never on a kernel that tells no pressure: Debian's needs `psi=1` on its command line |\n\n" +
				"What begins by itself asks all guards of its edge, and a hold of either scope stops\n" +
				"it. What was refused is tried again, less and less often.",
			Keys: []Key{
				{"event", "name", Required, "the edge's name in the law and in the history, such as `to_compute`"},
				{"from", "a mode", Required, ""},
				{"to", "a mode", Required, "another one"},
				{"through", `"transitioning"`, "", "what clients see as the mode until it is settled; without it they see the old mode until then"},
				{"guards", "names of guards", "[]", "all of them are asked, when the change is asked for and again before the first touch; see [guards.md](guards.md)"},
				{"triggers", "names of triggers", `["manual"]`, "what may begin it, see above"},
				{"grace", "time", `"0s"`, "between the promise and the first touch. Cancelling is free then, and whoever sits there can see it coming"},
				{"after-condition", "time", `"0s"`, "how long what triggers it must last without a break, but for `idle`, which has `[idle]`"},
				{"before", "services", "[]", "hooks: each is started before the steps, awaited for up to 10 minutes, and must succeed. A rollback stops those that it started"},
				{"after", "services", "[]", "hooks after the steps, in the same way"},
				{"when-missing", `"refuse" or "skip"`, `"refuse"`, "what a plan does about a hook that does not exist"},
				{"enabled", "boolean", "true", "false takes the edge of a lower layer away"},
			},
			Example: "[[edges]]\nevent = \"to_compute\"\nfrom = \"desktop\"\nto = \"compute\"\nthrough = \"transitioning\"\ntriggers = [\"manual\", \"idle\"]\ngrace = \"1m\"\nguards = [\"audio-idle\", \"gpu-free\"]\nbefore = [\"backup-projects.service\"]\nwhen-missing = \"skip\"\n",
		},
		{
			Path: "guards.NAME",
			Doc:  "A guard, under a name of your own; edges name it. Each kind takes parameters of its\nown besides these: [guards.md](guards.md).",
			Keys: []Key{
				{"kind", "a kind of guard", Required, ""},
				{"last-look", "boolean", "false", "ask once more right before a session is ended"},
				{"on-unknown", `"deny" or "warn"`, `"deny"`, "what follows when the guard cannot see what it must know"},
				{"overridable", "boolean", "true", "false: not even `--force` passes it"},
			},
			Example: "[guards.quiet]\nkind = \"load\"\nwindow = \"5m\"\nmax-per-cpu = 0.5\non-unknown = \"warn\"\n",
		},
	}
}
