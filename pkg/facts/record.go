package facts

import (
	"encoding/json"
	"fmt"
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

// cut returns a copy whose lists have at most keep entries.
func (f *Facts) cut(keep int) *Facts {
	c := *f
	c.admit(keep)
	c.Process.List = head(f.Process.List, keep)
	c.Process.Audio = head(f.Process.Audio, keep)
	c.Units.List = head(f.Units.List, keep)
	c.Sessions.List = head(f.Sessions.List, keep)
	c.Jobs.List, c.Jobs.Locks = head(f.Jobs.List, keep), head(f.Jobs.Locks, keep)
	c.Inhibitors.List, c.Holds.List = head(f.Inhibitors.List, keep), head(f.Holds.List, keep)
	c.Web.List, c.VLLM.List, c.Pods.List = head(f.Web.List, keep), head(f.VLLM.List, keep), head(f.Pods.List, keep)
	c.GPUs.List = append([]GPU(nil), head(f.GPUs.List, max(keep, 16))...)
	for i := range c.GPUs.List {
		c.GPUs.List[i].Holders = head(c.GPUs.List[i].Holders, keep)
	}
	c.Audio.Users = append([]AudioUser(nil), head(f.Audio.Users, max(keep, 16))...)
	for i := range c.Audio.Users {
		c.Audio.Users[i].Nodes = head(c.Audio.Users[i].Nodes, keep)
	}
	for i := range c.Process.Audio {
		if len(c.Process.Audio[i].Clients) > keep {
			c.Process.Audio = append([]AudioServer(nil), c.Process.Audio...)
			c.Process.Audio[i].Clients = head(c.Process.Audio[i].Clients, keep)
		}
	}
	return &c
}

// admit writes down which parts have more than keep entries somewhere.
func (f *Facts) admit(keep int) {
	most := map[*Part]int{
		&f.Process.Part: max(len(f.Process.List), len(f.Process.Audio)), &f.Units.Part: len(f.Units.List),
		&f.Sessions.Part: len(f.Sessions.List), &f.Jobs.Part: max(len(f.Jobs.List), len(f.Jobs.Locks)),
		&f.Inhibitors.Part: len(f.Inhibitors.List), &f.Holds.Part: len(f.Holds.List), &f.Web.Part: len(f.Web.List),
		&f.VLLM.Part: len(f.VLLM.List), &f.Pods.Part: len(f.Pods.List),
	}
	for _, s := range f.Process.Audio {
		most[&f.Process.Part] = max(most[&f.Process.Part], len(s.Clients))
	}
	for _, u := range f.Audio.Users {
		most[&f.Audio.Part] = max(most[&f.Audio.Part], len(u.Nodes))
	}
	for _, g := range f.GPUs.List {
		most[&f.GPUs.Part] = max(most[&f.GPUs.Part], len(g.Holders))
	}
	for part, n := range most {
		if n > keep && part.Known() {
			part.Unknown = fmt.Sprintf("%d entries were too many for the record, which has %d", n, keep)
		}
	}
}

func head[T any](list []T, keep int) []T {
	if len(list) > keep {
		return list[:keep:keep]
	}
	return list
}
