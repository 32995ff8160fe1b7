package fsm

// Stage is a step's place in the one fixed order of all transitions.
type Stage int

// The order, as design and modectl plan print it. What can fail cheaply comes
// before the point of no return; AI is drained before the GUI ends, because it
// is the step that can fail without costing anyone a session.
const (
	StageBefore Stage = iota
	StageLeaveTarget
	StageDrain     // AI and units released
	StageEndGUI    // the point of no return
	StageAudioOff  // audio released
	StageGPUFree   // barrier: GPUs released
	StageLimits    // slices, of users too, and tune
	StageGPUOwners // GPUs acquired
	StageGUI
	StageAudio
	StageUnits
	StageAI
	StageEnterTarget
	StageAfter
)

var stageNames = [...]string{
	"before", "leave-target", "drain", "end-gui", "audio-off", "gpu-barrier",
	"limits", "gpu-owners", "gui", "audio", "units", "ai", "enter-target", "after",
}

// String returns the stage's name on the bus.
func (s Stage) String() string {
	if s < 0 || int(s) >= len(stageNames) {
		return "unknown"
	}
	return stageNames[s]
}

// stages maps a kind to where it is released and where it is acquired.
var stages = map[string][2]Stage{
	"target":      {StageLeaveTarget, StageEnterTarget},
	"vllm":        {StageDrain, StageAI},
	"k3s":         {StageDrain, StageAI},
	"units":       {StageDrain, StageUnits},
	"gui":         {StageEndGUI, StageGUI},
	"audio":       {StageAudioOff, StageAudio},
	"gpus":        {StageGPUFree, StageGPUOwners},
	"slices":      {StageLimits, StageLimits},
	"user-slices": {StageLimits, StageLimits},
	"tune":        {StageLimits, StageLimits},
}

// StageOf returns the stage of a kind's release or acquire. Kinds that the
// table does not know are treated as units.
func StageOf(kind string, leg Leg) Stage {
	pair, ok := stages[kind]
	if !ok {
		pair = stages["units"]
	}
	if leg == Release {
		return pair[0]
	}
	return pair[1]
}
