package actions

import (
	"context"
	"errors"
	"time"
)

// ErrClusterSilent says that the API server gives no answer: it is down, hangs
// or has not begun yet. One that answers no is another error.
var ErrClusterSilent = errors.New("the cluster's API server does not answer")

// Cluster is the API server of the cluster that the machine is a node of.
type Cluster interface {
	// Node does what the order asks, as far as a few seconds reach, and tells
	// how the node is after it. It is idempotent: who wants more asks again. It
	// keeps nothing in mind between two calls.
	Node(ctx context.Context, order ClusterOrder) (ClusterNode, error)
}

// ClusterOrder says what to do with a node; the zero value is a look.
type ClusterOrder struct {
	// Node is its name, empty for the host's.
	Node string `json:"node,omitempty"`
	// Cordon is on, off, or empty to leave it. Only a cordon of moded's own is
	// ever lifted.
	Cordon string `json:"cordon,omitempty"`
	// Issued is when it was given. Fence lets no earlier order take effect after
	// this one: whoever gave that one may be gone, and it still on its way, in
	// the helper or at an API server that hangs.
	Issued time.Time `json:"issued,omitzero"`
	Fence  bool      `json:"fence,omitempty"`
	// Mark is what the node says of the mode, nil to leave it.
	Mark *ClusterMark `json:"mark,omitempty"`
	// Select chooses Deployments and StatefulSets by a label selector, empty for
	// none; ScaleTo is zero, back to where they were, or empty to leave them.
	Select  string `json:"select,omitempty"`
	ScaleTo string `json:"scale-to,omitempty"`
	// Evict asks once for the end of each pod that must go; Take says which of
	// those that a drain spares must go, too.
	Evict bool        `json:"evict,omitempty"`
	Take  ClusterTake `json:"take,omitzero"`
}

// ClusterMark tells the cluster's scheduler the mode.
type ClusterMark struct {
	// Label is the value of the label modectl.org/mode, empty for no label.
	Label string `json:"label,omitempty"`
	// Taint is the value and the effect of the taint modectl.org/mode, such as
	// desktop:NoSchedule, empty for no taint.
	Taint string `json:"taint,omitempty"`
}

// ClusterTake names pods whose end somebody may regret: with data in an
// emptyDir, without a controller that brings them back, of the cluster itself.
type ClusterTake struct {
	EmptyDir  bool `json:"emptydir,omitempty"`
	Unmanaged bool `json:"unmanaged,omitempty"`
	System    bool `json:"system,omitempty"`
}

// ClusterNode is how a node is.
type ClusterNode struct {
	Name          string `json:"name"`
	Unschedulable bool   `json:"unschedulable,omitempty"`
	// Ours is set while the node has moded's mark of a cordon, Since which time.
	Ours  bool        `json:"ours,omitempty"`
	Since time.Time   `json:"since,omitzero"`
	Mark  ClusterMark `json:"mark,omitzero"`
	// Zeroed is how many of the selected objects moded has scaled to zero,
	// Scaled how many have replicas.
	Zeroed int `json:"zeroed,omitempty"`
	Scaled int `json:"scaled,omitempty"`
	// Left is how many pods must go before the node is drained; Pods are the
	// first of them.
	Left int          `json:"left,omitempty"`
	Pods []ClusterPod `json:"pods,omitempty"`
}

// ClusterPod is a pod that must go.
type ClusterPod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Why it is still there, in words: which budget, or that it is ending.
	Why string `json:"why,omitempty"`
	// Kept is set when it will not be asked to end: the order would have to Take
	// it.
	Kept bool `json:"kept,omitempty"`
}
