// Package workload is the brain's side of moded-workload, the one helper with a
// network: it asks services on this machine whether they are ready and what they
// are doing: vLLM, REAPER's web interface and Kubernetes' API server. The
// helper's own side, with all that speaks HTTP, is package serve: the brain
// does not link it. How the two speak is package helper's.
package workload

import (
	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/facts"
)

// Protocol is what both sides must agree on. Its number also changes with every
// change of the facts in an Answer.
var Protocol = helper.Protocol{Name: "moded-workload", Number: 3, MaxQuestion: 16 << 10, MaxAnswer: 2 << 20}

// Question is what the helper is asked. The zero Question asks nothing.
type Question struct {
	// Ready is the URL of a service on this machine: is it ready?
	Ready string `json:"ready,omitempty"`
	// VLLM are servers on this machine: what do they do?
	VLLM []Server `json:"vllm,omitempty"`
	// Web are the addresses of REAPER's web interface on this machine.
	Web []string `json:"web,omitempty"`
	// Node asks for the pods on this node of the cluster; LocalNode for those on
	// the node that has the host's name.
	Node string `json:"node,omitempty"`
	// Serving is the URL of one vLLM server: is it ready, what does it serve, and
	// what has it to do at this moment?
	Serving string `json:"serving,omitempty"`
	// Pause asks for something to be done: a server begins nothing new, or accepts
	// again.
	Pause *Pause `json:"pause,omitempty"`
	// Cluster is to be done with the node, and told how it is then.
	Cluster *actions.ClusterOrder `json:"cluster,omitempty"`
}

// Pause is a vLLM server that shall finish what it has and begin nothing new, or
// accept requests again.
type Pause struct {
	URL string `json:"url"`
	On  bool   `json:"on"`
}

// Cluster is the outcome of an order.
type Cluster struct {
	Node actions.ClusterNode `json:"node,omitzero"`
	// Problem is why it was not carried out; Silent is set when nobody answered.
	Problem string `json:"problem,omitempty"`
	Silent  bool   `json:"silent,omitempty"`
}

// LocalNode as a Question's Node is the host's name.
const LocalNode = "."

// Server is a vLLM server as the configuration names it.
type Server struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Answer has what was asked for; each part may be unknown on its own.
type Answer struct {
	Ready bool `json:"ready,omitempty"`
	// Detail is why not, in a few words that are fit to be shown.
	Detail string      `json:"detail,omitempty"`
	VLLM   *facts.VLLM `json:"vllm,omitempty"`
	Web    *facts.Web  `json:"web,omitempty"`
	Pods   *facts.Pods `json:"pods,omitempty"`
	// Serving is what was asked; Paused that it was done, and Unpaused why not.
	Serving  *Serving `json:"serving,omitempty"`
	Paused   bool     `json:"paused,omitempty"`
	Unpaused string   `json:"unpaused,omitempty"`
	// Cluster is the outcome of the order.
	Cluster *Cluster `json:"cluster,omitempty"`
}

// Serving is a vLLM server at one moment. Each word of why is empty when what it
// is about is known.
type Serving struct {
	// Problem is why it is not ready; Absent is set when nobody listens there.
	Problem string `json:"problem,omitempty"`
	Absent  bool   `json:"absent,omitempty"`
	// Models are the names under which it serves; Unlisted is why they are not
	// known.
	Models   []string `json:"models,omitempty"`
	Unlisted string   `json:"unlisted,omitempty"`
	// Running and Waiting are requests of all engines; Uncounted is why they are
	// not known.
	Running   int    `json:"running,omitempty"`
	Waiting   int    `json:"waiting,omitempty"`
	Uncounted string `json:"uncounted,omitempty"`
	// Paused is nil when the server has no endpoint for it.
	Paused *bool `json:"paused,omitempty"`
}
