package config

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/modectl/moded/pkg/fsm"
)

// Options say where the configuration is and how much to believe it.
type Options struct {
	// Root is the directory that stands for /; empty means /.
	Root string
	// Files, when not nil, are read in this order instead of the standard
	// places, and must exist.
	Files []string
	// Trust demands what a daemon on the system bus needs: files owned by root
	// and not writable by others.
	Trust bool
}

// Config is a configuration that was read, merged and found good. It is
// immutable.
type Config struct {
	// Catalog holds the modes, edges and guards.
	Catalog *fsm.Catalog
	// GPUs are the machine's by name, sorted; with AutoGPUs they are found
	// when asked for, and named primary and others.
	GPUs     []GPU
	AutoGPUs bool
	// GUIUnits are the units that the gui settings own.
	GUIUnits []string
	// VLLM and K3s are the declared workloads.
	VLLM []VLLM
	K3s  *K3s
	// Restore sends boot to the mode that a person chose last.
	Restore bool
	Drift   Drift
	Idle    Idle
	// Digest changes whenever the effective configuration does.
	Digest string
	// Warnings are worth an admin's look and stop nothing.
	Warnings []Problem
	// Sources are the layers, lowest first.
	Sources []Source

	tree *node
}

// GPU is a named card. At least one of PCI and UUID is set.
type GPU struct {
	Name string
	// PCI is the full address, 0000:01:00.0, in lower case.
	PCI  string
	UUID string
	// ReleaseTimeout is how long a barrier waits for its holders.
	ReleaseTimeout time.Duration
}

// VLLM is one inference server.
type VLLM struct {
	Name, Unit, URL, Model string
	// TensorParallel is the number of ranks, or 0 for one a GPU.
	TensorParallel int
	DrainTimeout   time.Duration
	ReadyTimeout   time.Duration
}

// K3s is the machine's node.
type K3s struct {
	Unit string
	// Node is empty for the host name.
	Node                       string
	DrainTimeout, StartTimeout time.Duration
	// Label says that the node carries the mode's name, and Taint with what
	// effect it does as a taint: empty for none.
	Label bool
	Taint string
	// ScaleToZero is a label, KEY=VALUE, of what has no replicas while the node
	// is drained.
	ScaleToZero string
	// EvictEmptyDir and its like say what a drain may end besides.
	EvictEmptyDir, EvictUnmanaged, EvictSystem bool
	// Killall is a unit that ends the containers of a stopped k3s.
	Killall string
	// CPUWeight is the unit's, MinimalCPUWeight that of the state minimal.
	CPUWeight, MinimalCPUWeight int64
}

// Drift says what happens when a knob no longer stands as the mode wants.
type Drift string

// The two answers to drift.
const (
	ReportDrift  Drift = "report"
	CorrectDrift Drift = "correct"
)

// Idle says when an unused machine takes the edges that idle triggers.
type Idle struct {
	// After is 0 when idleness starts nothing.
	After time.Duration
	// Sessions is none, locked or any: which graphical sessions idleness may
	// end.
	Sessions string
}

// Load reads the layers that the options name and makes a configuration of
// them. Its error is an *Error with everything that is wrong.
func Load(o Options) (*Config, error) {
	var probs problems
	layers := sources(o, &probs)
	if err := probs.err(); err != nil {
		return nil, err
	}
	return Compile(layers)
}

// Compile makes a configuration of layers, lowest first. The embedded default
// is used only when it is one of them.
func Compile(layers []Source) (*Config, error) {
	var probs problems
	tree := mergeAll(layers, &probs)
	if err := probs.err(); err != nil {
		return nil, err
	}
	if tree == nil {
		tree = newTable(Position{File: "configuration"})
	}
	c := newCompiler(tree, &probs)
	cfg := c.compile()
	if err := probs.err(); err != nil {
		return nil, err
	}
	cfg.Warnings = c.warnings.sorted()
	cfg.Sources = slices.Clone(layers)
	cfg.tree = tree
	sum := sha256.Sum256([]byte(Render(cfg)))
	cfg.Digest = hex.EncodeToString(sum[:])
	return cfg, nil
}

// mergeAll reads the layers and lays each over those before it.
func mergeAll(layers []Source, probs *problems) *node {
	var tree *node
	for i, src := range layers {
		if root := parse(src, i, probs); root != nil {
			tree = mergeLayers(tree, root)
		}
	}
	return tree
}
