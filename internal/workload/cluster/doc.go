// Package cluster asks Kubernetes' API server on this machine what runs on its
// node. It is linked by moded-workload alone.
//
// The client is client-go's REST client with the types of core/v1 and no
// others: a clientset of all API groups would double the binary and the memory
// (ADR 11).
package cluster
