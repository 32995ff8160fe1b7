package guards

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/modectl/moded/pkg/facts"
	"github.com/modectl/moded/pkg/fsm"
)

// computeJobs is a guard on what the machine computes for others.
type computeJobs struct{ requests, pods int }

func computeJobsKind() Kind {
	return Kind{
		Name:    "compute-jobs",
		Summary: "passes while vLLM has no more requests, and the node no more GPU pods, than allowed",
		Details: "Requests are those that run and those that wait, of all configured servers; a server that generates tokens has one at least. A GPU pod is one of this node that asks for a GPU, whoever owns it, or whose process computes on one. Containers that a stopped k3s has left behind count as long as they hold a GPU. Without vLLM and k3s in the configuration it passes.",
		Params: []Param{
			{"max-requests", Count, "0", "how many requests there may be"},
			{"max-gpu-pods", Count, "0", "how many GPU pods there may be"},
		},
		Codes: []Code{
			{"compute-idle", fsm.Pass, "no more than allowed is computed for others", ""},
			{"compute-requests", fsm.Deny, "vLLM has more requests than allowed", "wait for the requests to end, or send clients elsewhere"},
			{"compute-pods", fsm.Deny, "the node has more GPU pods than allowed", "wait for the pods to end, scale them down, or drain the node; k3s-killall.sh ends what a stopped k3s left behind"},
			{"compute-jobs-unknown", fsm.Unknown, "a server, the cluster or the GPUs cannot be seen", "see what the unit that the verdict names says: journalctl -u UNIT"},
		},
		Example: `[guards.compute-jobs]
kind = "compute-jobs"
max-requests = 0
max-gpu-pods = 0
`,
		New: newComputeJobs,
	}
}

func newComputeJobs(v fsm.Value) (Guard, error) {
	p := readParams(v)
	g := computeJobs{requests: p.count("max-requests", 0), pods: p.count("max-gpu-pods", 0)}
	return g, p.done()
}

// Needs implements Guard.
func (g computeJobs) Needs() Needs { return Needs{VLLM: true, Pods: true, GPU: true} }

// Judge implements Guard. What is seen denies, whatever else is dark.
func (g computeJobs) Judge(f *facts.Facts, _ Asked) fsm.Verdict {
	requests, servers := 0, []fsm.Culprit(nil)
	for _, s := range f.VLLM.List {
		if n := requestsOf(s); n > 0 {
			requests += n
			servers = append(servers, serverOf(s, requestsText(s)))
		}
	}
	pods := gpuPods(f)
	var v fsm.Verdict
	switch {
	case requests > g.requests:
		v = deny("compute-requests", fmt.Sprintf("vLLM has %s", count(requests, "request")), "wait for the requests to end, or send clients elsewhere")
		v.Culprits = servers
		if len(pods) > g.pods {
			v.Culprits = append(v.Culprits, pods...)
		}
	case len(pods) > g.pods:
		v = deny("compute-pods", fmt.Sprintf("%s on this node", count(len(pods), "GPU pod")), podsRemedy(f))
		v.Culprits = pods
	default:
		var dark bool
		if v, dark = g.dark(f); !dark {
			v = pass("compute-idle", "nothing is computed for others")
			v.Culprits = append(servers, pods...)
			if len(v.Culprits) > 0 {
				v.Summary = "no more is computed for others than allowed"
			}
		}
	}
	if v.Outcome != fsm.Unknown {
		v.Measured = count(requests, "request") + ", " + count(len(pods), "GPU pod")
		v.Limit = count(g.requests, "request") + ", " + count(g.pods, "GPU pod")
	}
	return v
}

// dark is the verdict on what cannot be seen.
func (g computeJobs) dark(f *facts.Facts) (fsm.Verdict, bool) {
	kind := "compute-jobs"
	if !f.VLLM.Known() {
		return unseenBy("moded-workload", kind, "vLLM", f.VLLM.Part), true
	}
	for _, s := range f.VLLM.List {
		if why := mute(s); why != "" {
			return unseenBy("moded-workload", kind, "the requests of "+serverName(s), facts.Part{Unknown: why}), true
		}
	}
	switch p := f.Pods; {
	case !p.Known():
		return unseenBy("moded-workload", kind, "the pods", p.Part), true
	case p.Unit != "" && p.Active == "":
		return unseenBy("moded", kind, "the pods", facts.Part{Unknown: "the state of " + facts.Clean(p.Unit) + " is not known"}), true
	case p.Unit != "" && !f.GPUs.Known():
		return unseen(kind, "which containers hold a GPU", f.GPUs.Part), true
	}
	return fsm.Verdict{}, false
}

// gpuPods are the pods that need a GPU: those that ask for one, and those of
// which a process is seen on one. While k3s is down its containers are known by
// what they hold alone.
func gpuPods(f *facts.Facts) []fsm.Culprit {
	var out []fsm.Culprit
	var seen []string
	for _, p := range f.Pods.List {
		if p.GPUs > 0 && p.Phase != "Succeeded" && p.Phase != "Failed" {
			name := p.Namespace + "/" + p.Name
			seen = append(seen, name, p.UID)
			out = append(out, fsm.Culprit{Kind: "pod", Client: facts.Clean(name), Detail: fmt.Sprintf("%s, asks for %s", cmp.Or(facts.Clean(p.Phase), "on this node"), count(p.GPUs, "GPU"))})
		}
	}
	for _, g := range f.GPUs.List {
		for _, h := range g.Holders {
			if h.Pod == "" || slices.Contains(seen, h.Pod) || !h.Compute && running(f.Pods.Active) {
				continue
			}
			seen = append(seen, h.Pod)
			out = append(out, fsm.Culprit{Kind: "pod", Client: facts.Clean(h.Pod), PID: h.PID, Comm: facts.Clean(h.Comm), UID: h.UID, User: facts.Clean(h.User), Detail: "holds " + facts.Clean(g.Label())})
		}
	}
	return out
}

func podsRemedy(f *facts.Facts) string {
	if f.Pods.Unit != "" && !running(f.Pods.Active) {
		return "end what the stopped k3s left behind: k3s-killall.sh"
	}
	return "wait for the pods to end, scale them down, or drain the node"
}
