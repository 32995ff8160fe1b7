package ledger

// Disk is for tests that lose or fail writes.
type Disk = disk

// On opens a ledger on a test's disk.
func On(d Disk, stamps Stamps) *Ledger { return &Ledger{stamps: stamps, disk: d} }
