package ledger

// Disk is for tests that lose or fail writes.
type Disk = disk

// On opens a ledger on a test's disk.
func On(d Disk, stamps Stamps) *Ledger { return &Ledger{stamps: stamps, disk: d} }

// HistoryOn opens a history on test disks.
func HistoryOn(state, log Disk) (*History, error) { return newHistory(state, log) }

// Replace is the trace that the crash test enumerates.
func Replace(d Disk, name string, data []byte) error { return replace(d, name, data) }
