package config

// Table documents one table of the configuration: docs/reference/settings.md
// is made from these, and a test holds them against what the decoder asks for,
// so that a key cannot be read without a word about it, nor described without
// being read.
type Table struct {
	// Path is the table's as one would write it. A segment in capitals stands
	// for a name, MODE for base and for each of modes.
	Path string
	// Doc is Markdown: what the table is about.
	Doc string
	// Short is how to write the value without a table, where there is a way.
	Short string
	Keys  []Key
	// Knob says how a kind of setting moves; nil for what is no setting.
	Knob *Knob
	// Example is TOML, good over the embedded default alone.
	Example string
}

// Key documents one key of a table.
type Key struct {
	// Name may hold a dot: the table environment has keys environment.NAME.
	Name string
	// Type says in a few words what may be written: each word that the decoder
	// accepts, in quotes, and the bounds of a number.
	Type string
	// Default is what holds when the key is missing, as TOML; "required" when
	// it may not be missing, and empty when nothing holds then.
	Default string
	Doc     string
}

// Required is the Default of a key that may not be missing.
const Required = "required"

// Knob documents how a kind of setting moves, all in Markdown.
type Knob struct {
	Kind string
	// Rest is the state that a release leads to, empty when the kind has none.
	Rest string
	// Release and Acquire are what the steps do; Settled is when the setting
	// counts as standing where the mode wants it.
	Release, Acquire, Settled string
	// Undo is what a rollback does, and Lost what it cannot give back.
	Undo, Lost string
	// Essential is whether a failure fails the change of mode when nothing is
	// said; Missing is what counts as not being on this machine.
	Essential, Missing string
}

// Reference documents every table, in the order of the page.
func Reference() []Table {
	var all []Table
	for _, part := range [][]Table{machineTables(), modeTables(), knobTables(), unitTables(), aiTables(), edgeTables()} {
		all = append(all, part...)
	}
	return all
}

// EveryKnob documents the keys that each table of a knob takes besides its own.
func EveryKnob() []Key {
	return []Key{
		{"essential", "boolean", "", "whether the change of mode fails when this knob cannot be moved; the default is the kind's, below. What is not essential is acquired after the mode has settled: its failure is shown as degraded, and undoes nothing"},
		{"when-missing", `"refuse" or "skip"`, `"refuse"`, "what a plan does when the thing does not exist on this machine: refuse the change (only warn, where the knob is not essential), or leave the knob out. A unit that is down and masked counts as not there"},
	}
}
