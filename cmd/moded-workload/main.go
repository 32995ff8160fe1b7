// Command moded-workload asks services on this machine whether they are ready
// and what they are doing: vLLM, REAPER's web interface and Kubernetes' API
// server, on which it also cordons, drains and marks this machine's node. The
// brain has no network. systemd starts it when somebody asks on its
// socket, and it goes when nobody has asked for a while.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/version"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/cluster"
	"github.com/modectl/moded/internal/workload/serve"
)

func main() {
	printVersion := flag.Bool("version", false, "print the version and exit")
	socket := flag.String("socket", "", "listen on this `path` instead of systemd's socket")
	idle := flag.Duration("idle", 20*time.Second, "end when nobody has asked for that long")
	kubeconfig := flag.String("kubeconfig", credential("kubeconfig"), "ask the API server that this `file` names")
	flag.Parse()
	if *printVersion {
		fmt.Println(version.Version)
		return
	}
	if err := run(*socket, *idle, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "moded-workload:", err)
		os.Exit(1)
	}
}

// credential is the file that systemd made of the unit's LoadCredential=, empty
// where it made none.
func credential(name string) string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

func run(socket string, idle time.Duration, kubeconfig string) error {
	klog.SetLogger(logr.Discard()) // client-go would log what servers say
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := helper.Listen(workload.Protocol.Name, socket)
	if err != nil {
		return err
	}
	nodes := cluster.Nodes{Kubeconfig: kubeconfig}
	s := serve.New(version.Version, idle, serve.Sources{
		Ready: serve.Ready, VLLM: serve.VLLM, Web: serve.Web, Serving: serve.Serving, Pause: serve.Pause,
		Pods: nodes.Pods, Node: nodes.Node,
	})
	s.Problem = func(err error) { fmt.Fprintln(os.Stderr, "moded-workload:", err) }
	return s.Serve(ctx, l)
}
