// Package tune is moded-tune: the kernel's knobs that low-latency audio wants,
// held while the process lives and put back when it is gone.
//
// What a process holds by itself needs no undo: the request for a short wake-up
// from idle states (/dev/cpu_dma_latency) ends when the descriptor is closed,
// the hold of a power profile when its owner leaves the bus. What stays in the
// kernel (governors, energy preferences, swappiness) is written down first, and put back by Restore
// in ExecStopPost=, which systemd runs after SIGKILL too. A knob that somebody
// else has turned since is left as they want it.
package tune
