// Command apiserver is Kubernetes' API server, unchanged: what moded's hands are
// tested against. It is a module of its own, so that nothing of it is near
// moded's dependencies.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
