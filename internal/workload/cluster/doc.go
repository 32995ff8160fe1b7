// Package cluster asks Kubernetes' API server on this machine what runs on its
// node, and cordons, marks and drains that node. It is linked by moded-workload
// alone, and keeps nothing in mind between two calls (ADR 15).
//
// The client is client-go's REST client with the types of core/v1, apps/v1 and
// policy/v1: a clientset of all API groups would double the binary and the memory
// (ADR 11).
package cluster
