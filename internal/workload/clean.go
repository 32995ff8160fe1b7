package workload

import (
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

// Words makes a sentence that somebody else wrote fit for logs, terminals and
// the history.
func Words(text string) string { return facts.Line(strings.TrimSpace(text), 200) }

// clean makes all words of an answer fit to be shown. The helper does so, too;
// but it reads what strangers send, and the brain does not rely on it.
func (a *Answer) clean() {
	a.Detail, a.Unpaused = Words(a.Detail), Words(a.Unpaused)
	if s := a.Serving; s != nil {
		s.Problem, s.Unlisted, s.Uncounted = Words(s.Problem), Words(s.Unlisted), Words(s.Uncounted)
		each(s.Models, facts.Clean)
	}
	if a.VLLM != nil {
		a.VLLM.Unknown = Words(a.VLLM.Unknown)
		for i := range a.VLLM.List {
			s := &a.VLLM.List[i]
			s.Unknown = Words(s.Unknown)
			each(s.Models, facts.Clean)
		}
	}
	if a.Web != nil {
		a.Web.Unknown = Words(a.Web.Unknown)
		for i := range a.Web.List {
			d := &a.Web.List[i]
			d.Unknown, d.User, d.State = Words(d.Unknown), facts.Clean(d.User), facts.Clean(d.State)
		}
	}
	if a.Cluster != nil {
		a.Cluster.clean()
	}
	if a.Pods != nil {
		a.Pods.Unknown, a.Pods.Node = Words(a.Pods.Unknown), facts.Clean(a.Pods.Node)
		for i := range a.Pods.List {
			p := &a.Pods.List[i]
			p.Namespace, p.Name, p.UID = facts.Clean(p.Namespace), facts.Clean(p.Name), facts.Clean(p.UID)
			p.Phase, p.Owner = facts.Clean(p.Phase), facts.Clean(p.Owner)
		}
	}
}

func (c *Cluster) clean() {
	c.Problem = Words(c.Problem)
	n := &c.Node
	n.Name, n.Mark.Label, n.Mark.Taint = facts.Clean(n.Name), facts.Clean(n.Mark.Label), facts.Clean(n.Mark.Taint)
	for i := range n.Pods {
		p := &n.Pods[i]
		p.Namespace, p.Name, p.Why = facts.Clean(p.Namespace), facts.Clean(p.Name), Words(p.Why)
	}
}

func each(list []string, do func(string) string) {
	for i := range list {
		list[i] = do(list[i])
	}
}
