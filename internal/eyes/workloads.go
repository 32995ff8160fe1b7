package eyes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/guards"
)

// askWorkload fills in what the configured services are doing. A server or a
// cluster whose unit is down is not asked: nobody can be there.
func (e *Eyes) askWorkload(ctx context.Context, n guards.Needs, f *facts.Facts) {
	var cfg Workloads
	if e.src.Workloads != nil {
		cfg = e.src.Workloads()
	}
	q := workload.Question{Web: n.Web}
	if n.VLLM {
		f.VLLM = facts.VLLM{Part: facts.Part{At: time.Now()}, List: slices.Clone(cfg.VLLM)}
		for i := range f.VLLM.List {
			s := &f.VLLM.List[i]
			s.Part, s.Active = e.active(ctx, s.Unit)
			if s.Known() && up(s.Active) {
				q.VLLM = append(q.VLLM, workload.Server{Name: s.Name, URL: s.URL})
			}
		}
	}
	if n.Pods {
		f.Pods = facts.Pods{Part: facts.Part{At: time.Now()}, Unit: cfg.K3s, Node: cfg.Node}
		if cfg.K3s != "" {
			f.Pods.Part, f.Pods.Active = e.active(ctx, cfg.K3s)
		}
		if f.Pods.Known() && up(f.Pods.Active) {
			q.Node = orLocal(cfg.Node)
		}
	}
	if len(q.VLLM) == 0 && len(q.Web) == 0 && q.Node == "" {
		return
	}
	a, err := e.workload(ctx, q)
	missing := facts.Part{At: time.Now(), Unknown: "moded-workload did not speak of it"}
	if err != nil {
		missing.Unknown = err.Error()
	}
	if len(q.Web) > 0 {
		f.Web = given(a.Web, facts.Web{Part: missing})
	}
	if len(q.VLLM) > 0 {
		enterServers(f.VLLM.List, q.VLLM, given(a.VLLM, facts.VLLM{Part: missing}))
	}
	if q.Node != "" {
		unit, active := f.Pods.Unit, f.Pods.Active
		f.Pods = given(a.Pods, facts.Pods{Part: missing})
		f.Pods.Unit, f.Pods.Active = unit, active
	}
}

// up tells whether a unit in that state may be at work.
func up(active string) bool { return active != "" && active != "inactive" && active != "failed" }

func orLocal(node string) string {
	if node == "" {
		return workload.LocalNode
	}
	return node
}

// enterServers puts the answer of those that were asked into the list.
func enterServers(list []facts.VLLMServer, asked []workload.Server, got facts.VLLM) {
	for i := range list {
		s := &list[i]
		if !slices.ContainsFunc(asked, func(q workload.Server) bool { return q.Name == s.Name }) {
			continue
		}
		j := slices.IndexFunc(got.List, func(g facts.VLLMServer) bool { return g.Name == s.Name })
		switch {
		case !got.Known():
			s.Part = got.Part
		case j < 0:
			s.Unknown = "moded-workload did not speak of it"
		default:
			unit, active := s.Unit, s.Active
			*s = got.List[j]
			s.Unit, s.Active = unit, active
		}
	}
}

func (e *Eyes) workload(ctx context.Context, q workload.Question) (workload.Answer, error) {
	if e.src.Workload == nil {
		return workload.Answer{}, errors.New("there is no moded-workload")
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	return e.src.Workload.Look(ctx, q)
}

// active asks PID 1 for a unit's state; one that is not there is inactive.
func (e *Eyes) active(ctx context.Context, unit string) (facts.Part, string) {
	part := facts.Part{At: time.Now()}
	if e.src.Units == nil {
		part.Unknown = "there is no systemd"
		return part, ""
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	s, err := e.glance(ctx, unit)
	switch {
	case errors.Is(err, actions.ErrNoUnit):
		return part, "inactive"
	case err != nil:
		part.Unknown = fmt.Sprintf("cannot see %s: %v", unit, err)
		return part, ""
	}
	return part, s.Active
}
