package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/modectl/moded/test/vm/lab"
)

// job is the work of one machine from its boot on.
type job struct {
	scenarios []lab.Info
	fresh     bool // the disk must be its own and survive a boot
	later     bool // moded is installed but not enabled
	packaged  bool // moded is there as a package
}

// plan makes the jobs: the scenarios that may share a boot in as many groups
// as there are machines, balanced by weight, one for the packaged, and a job for each
// fresh one.
// The groups come first, because they are the longest.
func plan(infos []lab.Info, machines int, long bool) []job {
	byWeight := slices.Clone(infos)
	slices.SortStableFunc(byWeight, func(a, b lab.Info) int { return cmp.Compare(b.Weight(long), a.Weight(long)) })
	groups := make([]job, max(machines, 1))
	loads := make([]time.Duration, len(groups))
	var alone []job
	packaged := job{packaged: true}
	for _, info := range byWeight {
		if info.Packaged {
			packaged.scenarios = append(packaged.scenarios, info)
			continue
		}
		if info.Fresh {
			alone = append(alone, job{scenarios: []lab.Info{info}, fresh: true, later: info.Later})
			continue
		}
		i := slices.Index(loads, slices.Min(loads))
		groups[i].scenarios = append(groups[i].scenarios, info)
		loads[i] += info.Weight(long)
	}
	groups = append(groups, packaged)
	groups = slices.DeleteFunc(groups, func(j job) bool { return len(j.scenarios) == 0 })
	for _, g := range groups {
		slices.SortFunc(g.scenarios, func(a, b lab.Info) int {
			return cmp.Compare(slices.IndexFunc(infos, named(a.Name)), slices.IndexFunc(infos, named(b.Name)))
		})
	}
	return append(groups, alone...)
}

// named finds a scenario by its name.
func named(name string) func(lab.Info) bool {
	return func(i lab.Info) bool { return i.Name == name }
}

// deadline bounds one machine's whole job, on a busy emulating host.
func (j job) deadline(long bool) time.Duration {
	total := 6 * time.Minute
	for _, s := range j.scenarios {
		total += 3*s.Weight(long) + time.Minute
	}
	return total
}
