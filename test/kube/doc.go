// Package kube holds moded's hands for Kubernetes against a real kube-apiserver:
// the action of kind k3s, the client of moded-workload, the helper behind its
// socket, and the roles of examples/kubernetes, which are all the rights that the
// helper has here. make kube-test runs it; what it needs is built and fetched
// once, and kept (package lab).
//
// What a cluster has besides its API server is played by the tests: see scene.
package kube
