// Command moded-workload asks services on this machine whether they are ready,
// because the brain has no network. systemd starts it when somebody asks on its
// socket, and it goes when nobody has asked for ten seconds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/version"
	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/internal/workload/serve"
)

func main() {
	printVersion := flag.Bool("version", false, "print the version and exit")
	socket := flag.String("socket", "", "listen on this `path` instead of systemd's socket")
	idle := flag.Duration("idle", 10*time.Second, "end when nobody has asked for that long")
	flag.Parse()
	if *printVersion {
		fmt.Println(version.Version)
		return
	}
	if err := run(*socket, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "moded-workload:", err)
		os.Exit(1)
	}
}

func run(socket string, idle time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := helper.Listen(workload.Protocol.Name, socket)
	if err != nil {
		return err
	}
	s := serve.New(version.Version, idle, serve.Ready)
	s.Problem = func(err error) { fmt.Fprintln(os.Stderr, "moded-workload:", err) }
	return s.Serve(ctx, l)
}
