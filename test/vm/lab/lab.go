// Package lab holds the words that the host side and the guest side of the VM
// lab exchange: over the 9p share as small JSON files, and over the standard
// output of the guest program when the host asks it for its table.
package lab

import "time"

// Files on the share, by the name that both sides use.
const (
	// OrderFile says what the guest shall run; the host writes it.
	OrderFile = "order.json"
	// ResultsFile holds one Result a line, in the order of completion.
	ResultsFile = "results.jsonl"
	// RunningFile names the scenario that runs now.
	RunningFile = "running"
	// PartFile holds the number of the part that runs next, in a scenario
	// that survives its own boot.
	PartFile = "part"
	// NotesFile keeps the detail of the parts that are over.
	NotesFile = "notes"
	// CutFile asks the host to cut the power now.
	CutFile = "cut"
	// DoneFile says that the guest has nothing left to do.
	DoneFile = "done"
	// ReadyFile is written when the runner is up, with the guest's uptime.
	ReadyFile = "ready"
)

// The two results that a scenario can have.
const (
	Passed = "passed"
	Failed = "failed"
)

// Info describes one scenario to the host.
type Info struct {
	Name string `json:"name"`
	// Long scenarios belong to vm-test-long only.
	Long bool `json:"long,omitempty"`
	// Fresh scenarios get a machine of their own.
	Fresh bool `json:"fresh,omitempty"`
	// Later boots a machine on which moded is installed but not enabled.
	Later bool `json:"later,omitempty"`
	// Packaged scenarios share a machine on which moded is not installed, and on
	// which its packages are.
	Packaged bool `json:"packaged,omitempty"`
	// Hidden scenarios run only by name: the lab's test of itself.
	Hidden bool `json:"hidden,omitempty"`
	// Expected is the expected time, for the balance between two machines.
	Expected time.Duration `json:"expected"`
	// LongExpected replaces Expected in a long run, when it is not zero.
	LongExpected time.Duration `json:"longExpected,omitempty"`
}

// Weight is the time that the scenario is expected to take.
func (i Info) Weight(long bool) time.Duration {
	if long && i.LongExpected > 0 {
		return i.LongExpected
	}
	return i.Expected
}

// FigureMark begins a line of a Result's Detail that holds a Figure as JSON,
// after the time that begins every line.
const FigureMark = "FIGURE "

// Figure is one measurement, as test/bench shows it. Ratio is ours over the
// peer's, Goal what it should stay below.
type Figure struct {
	Name     string  `json:"name"`
	Ours     float64 `json:"ours"`
	Peer     float64 `json:"peer"`
	PeerName string  `json:"peer_name"`
	Unit     string  `json:"unit"`
	Ratio    float64 `json:"ratio"`
	Goal     float64 `json:"goal"`
}

// Order is what one machine has to do.
type Order struct {
	Scenarios []string `json:"scenarios"`
	Long      bool     `json:"long"`
}

// Result is one row of the report.
type Result struct {
	Scenario string  `json:"scenario"`
	Result   string  `json:"result"`
	Seconds  float64 `json:"seconds"`
	Detail   string  `json:"detail"`
}

// Versions of the packages that a machine gets: an upgrade needs two. The newer
// one's daemon says its own.
const (
	OldVersion = "0.1.0~lab"
	NewVersion = "0.2.0~lab"
)
