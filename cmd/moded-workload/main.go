// Command moded-workload asks services on this machine whether they are ready,
// because the brain has no network. systemd starts it when somebody asks on its
// socket, and it goes when nobody has asked for ten seconds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/modectl/moded/internal/version"
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
	l, err := listen(socket)
	if err != nil {
		return err
	}
	s := serve.Server{Version: version.Version, Idle: idle, Ready: serve.Ready, Patience: serve.Deadline + time.Second}
	return s.Serve(ctx, l)
}

func listen(socket string) (net.Listener, error) {
	if socket != "" {
		return net.Listen("unix", socket)
	}
	listeners, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("cannot take systemd's socket: %w", err)
	}
	if len(listeners) != 1 || listeners[0] == nil {
		return nil, errors.New("systemd gave no socket: start moded-workload.socket, or say -socket PATH")
	}
	return listeners[0], nil
}
