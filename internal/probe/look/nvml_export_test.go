package look

import "github.com/modectl/moded/pkg/facts"

// Merge enters a report into what descriptors said.
func (r Report) Merge(out *facts.GPUs, describe func(uint32) (facts.Holder, bool), err error) {
	r.merge(out, describe, err)
}
