package config

// modeTables documents what a mode is besides its knobs.
func modeTables() []Table {
	return []Table{{
		Path: "MODE",
		Doc: "`[modes.NAME]` is a mode, laid over `[base]`, which has the same knobs and is none\n" +
			"itself. A mode says where every knob stands and nothing about how to get there.\n" +
			"Every knob that any mode turns needs a value in `[base]`, so that the machine after\n" +
			"arrival depends on the mode alone; `\"any\"` is such a value: not set, not verified,\n" +
			"never drift. A name is a small letter, then at most 31 small letters, digits and\n" +
			"dashes; `boot` and `transitioning` are taken.",
		Keys: []Key{
			{"summary", "text", `""`, "one line for people. In a mode only"},
			{"enabled", "boolean", "true", "false takes a mode of a lower layer away, with its edges. In a mode only"},
		},
		Example: "[modes.movie]\nsummary = \"The desktop, and nothing that makes a noise\"\n[[edges]]\nevent = \"curtain\"\nfrom = \"desktop\"\nto = \"movie\"\n[[edges]]\nevent = \"lights\"\nfrom = \"movie\"\nto = \"desktop\"\n",
	}}
}
