package main

import (
	"runtime/debug"
	"time"

	"github.com/modectl/moded/internal/agent/audio"
)

// calmAfter is how long there must be no news before memory is given back.
const calmAfter = 3 * time.Second

// calm returns report with an epilogue: when there was no news for a while, the
// memory that the last burst took is given back at once. What the agent keeps of
// a graph is a fraction of what it read to get there, and left to itself the
// runtime would keep the rest, or wake up again and again to return it.
func calm(report func(audio.Report)) func(audio.Report) {
	return calmed(report, debug.FreeOSMemory)
}

func calmed(report func(audio.Report), free func()) func(audio.Report) {
	later := time.AfterFunc(calmAfter, free)
	return func(r audio.Report) {
		report(r)
		later.Reset(calmAfter)
	}
}
