package facts

import (
	"encoding/json"
	"fmt"
	"slices"
)

// MaxRecord is how large the JSON of one Facts may be.
const MaxRecord = 64 << 10

// Record returns f as JSON of at most MaxRecord bytes. When the whole does not
// fit, the longest lists are cut, the least telling first; what was measured of
// the machine itself is always kept. A part of which something was cut says so,
// and is unknown: who judges the record must not take the rest for all.
func (f *Facts) Record() json.RawMessage {
	for _, keep := range []int{1 << 30, 64, 16, 4, 0} {
		raw, err := json.Marshal(f.cut(keep))
		if err != nil {
			panic(fmt.Sprintf("internal error: cannot encode facts: %v", err))
		}
		if len(raw) <= MaxRecord {
			return raw
		}
	}
	return json.RawMessage(`{}`)
}

// cut returns a copy whose lists have at most keep entries. A part that lost some
// is unknown from then on: who judges the record must not take for absent what
// was left out. What was kept of it can still deny.
func (f *Facts) cut(keep int) *Facts {
	c := *f
	c.Process.List = head(&c.Process.Part, f.Process.List, keep)
	c.Process.Audio = head(&c.Process.Part, f.Process.Audio, keep)
	c.Process.PCM = head(&c.Process.Part, f.Process.PCM, keep)
	c.Units.List = head(&c.Units.Part, f.Units.List, keep)
	c.Sessions.List = head(&c.Sessions.Part, f.Sessions.List, keep)
	c.Jobs.List, c.Jobs.Locks = head(&c.Jobs.Part, f.Jobs.List, keep), head(&c.Jobs.Part, f.Jobs.Locks, keep)
	c.Inhibitors.List = head(&c.Inhibitors.Part, f.Inhibitors.List, keep)
	c.Holds.List = head(&c.Holds.Part, f.Holds.List, keep)
	c.Web.List = head(&c.Web.Part, f.Web.List, keep)
	c.VLLM.List, c.Pods.List = head(&c.VLLM.Part, f.VLLM.List, keep), head(&c.Pods.Part, f.Pods.List, keep)
	c.GPUs.List = slices.Clone(head(&c.GPUs.Part, f.GPUs.List, max(keep, 16)))
	for i := range c.GPUs.List {
		g := &c.GPUs.List[i]
		g.Holders = head(&c.GPUs.Part, g.Holders, keep)
	}
	c.Audio.Users = slices.Clone(head(&c.Audio.Part, f.Audio.Users, max(keep, 16)))
	for i := range c.Audio.Users {
		u := &c.Audio.Users[i]
		u.Nodes = head(&u.Part, u.Nodes, keep)
	}
	c.Process.Audio = slices.Clone(c.Process.Audio)
	for i := range c.Process.Audio {
		s := &c.Process.Audio[i]
		s.Clients = head(&s.Part, s.Clients, keep)
	}
	return &c
}

// head returns the first entries of a list, and says in p that there were more.
func head[T any](p *Part, list []T, keep int) []T {
	if len(list) <= keep {
		return list
	}
	if p.Known() {
		p.Unknown = fmt.Sprintf("the record has %d of %d entries", keep, len(list))
	}
	return list[:keep:keep]
}
