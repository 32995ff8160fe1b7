package config

import "slices"

// one tells whether the value at a path is replaced as a whole when a later
// layer states it; the others merge by key.
type one func(path []string, later *node) bool

// mergeLayers lays a later source over an earlier one. See the package comment
// for the rules.
func mergeLayers(earlier, later *node) *node {
	if earlier == nil {
		return later
	}
	earlier = forgetGPUs(earlier, later)
	merged := merge(earlier, later, nil, wholeInLayer)
	if old, edges := earlier.get("edges"), later.get("edges"); old != nil && edges != nil {
		merged.set("edges", mergeEdges(old, edges))
	}
	return merged
}

// overlay lays what a mode states over base.
func overlay(base, mode *node) *node {
	if base == nil || base.shape != aTable {
		return mode
	}
	return merge(base, mode, nil, wholeInMode)
}

func merge(earlier, later *node, path []string, whole one) *node {
	if earlier.shape != aTable || later.shape != aTable || whole(path, later) {
		return later
	}
	merged := newTable(later.at)
	merged.key = later.key
	for _, name := range earlier.names {
		merged.set(name, earlier.table[name])
	}
	for _, name := range later.names {
		child := later.table[name]
		if old := merged.table[name]; old != nil {
			child = merge(old, child, append(slices.Clip(path), name), whole)
		}
		merged.set(name, child)
	}
	return merged
}

func wholeInLayer(path []string, later *node) bool {
	switch {
	case len(path) == 0:
		return false
	case path[0] == "base":
		return wholeInMode(path[1:], later)
	case path[0] == "modes" && len(path) > 2:
		return wholeInMode(path[2:], later)
	case path[0] == "guards" && len(path) == 2:
		return later.get("kind") != nil
	}
	return path[0] == "gpus" && len(path) == 2
}

// wholeInMode names the knobs whose keys make sense only together: the quantum
// of one layer's realtime must not survive in another's on.
func wholeInMode(path []string, _ *node) bool {
	if len(path) == 1 {
		return slices.Contains([]string{"gui", "audio", "target", "tune", "k3s"}, path[0])
	}
	return len(path) == 2 && (path[0] == "gpus" || path[0] == "vllm")
}

// mergeEdges replaces edges of the same event, from and to, and appends the
// others. Two such edges in one file stay two, for the checks to find.
func mergeEdges(earlier, later *node) *node {
	if earlier.shape != aList || later.shape != aList {
		return later
	}
	merged := &node{shape: aList, key: later.key, at: later.at}
	replaced := map[*node]bool{}
	for _, e := range earlier.list {
		i := slices.IndexFunc(later.list, func(l *node) bool { return edgeID(l) == edgeID(e) })
		if i < 0 {
			merged.list = append(merged.list, e)
		} else if !replaced[later.list[i]] {
			replaced[later.list[i]] = true
			merged.list = append(merged.list, later.list[i])
		}
	}
	for _, l := range later.list {
		if !replaced[l] {
			merged.list = append(merged.list, l)
		}
	}
	return merged
}

func edgeID(e *node) [3]string {
	var id [3]string
	for i, name := range []string{"event", "from", "to"} {
		if v := e.get(name); v != nil {
			id[i] = v.text
		}
	}
	return id
}

// forgetGPUs drops who owns which GPU from the earlier layers when the later
// one names the machine's GPUs in the other way, "auto" or one by one: the old
// names mean nothing then.
func forgetGPUs(earlier, later *node) *node {
	was, is := earlier.get("gpus"), later.get("gpus")
	if was == nil || is == nil || was.shape == is.shape {
		return earlier
	}
	out := without(earlier, "")
	if base := earlier.get("base"); base != nil {
		out.set("base", without(base, "gpus"))
	}
	if modes := earlier.get("modes"); modes != nil && modes.shape == aTable {
		kept := without(modes, "")
		for _, name := range modes.names {
			kept.set(name, without(modes.table[name], "gpus"))
		}
		out.set("modes", kept)
	}
	return out
}

// without copies a table but for one key.
func without(n *node, key string) *node {
	if n.shape != aTable {
		return n
	}
	out := newTable(n.at)
	out.key = n.key
	for _, name := range n.names {
		if name != key {
			out.set(name, n.table[name])
		}
	}
	return out
}
