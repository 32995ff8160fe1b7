package simulate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Socket is the name of the control socket in the runtime directory.
const Socket = "simulate.sock"

// maxLine bounds a command; answers may be longer.
const maxLine = 4096

// Serve opens the control socket in dir and takes commands, a line each, until
// ctx ends. The socket is there when Serve returns; done is closed when every
// client was answered, after an error if accepting ended otherwise.
func (m *Machine) Serve(ctx context.Context, dir string) (done <-chan error, err error) {
	file := filepath.Join(dir, Socket)
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot take over control socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", file)
	if err != nil {
		return nil, fmt.Errorf("cannot open control socket: %w", err)
	}
	end := make(chan error, 1)
	go func() {
		defer close(end)
		if err := m.accept(ctx, listener); err != nil {
			end <- err
		}
	}()
	return end, nil
}

func (m *Machine) accept(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot accept on control socket: %w", err)
		}
		clients.Go(func() { m.answer(conn) })
	}
}

// answer serves one client: a line in, a line out.
func (m *Machine) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // a silent client ends here
	line, err := bufio.NewReader(io.LimitReader(conn, maxLine)).ReadString('\n')
	if err != nil {
		return
	}
	reply, err := m.Command(strings.TrimSpace(line))
	if err != nil {
		reply = "error: " + err.Error()
	}
	_, _ = fmt.Fprintln(conn, reply) // a client that left wants no answer
}

// Control sends one command to the machine that runs on dir and returns its
// answer.
func Control(dir, line string) (string, error) {
	conn, err := net.Dial("unix", filepath.Join(dir, Socket))
	if err != nil {
		return "", fmt.Errorf("cannot reach simulated machine: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintln(conn, strings.ReplaceAll(line, "\n", " ")); err != nil {
		return "", fmt.Errorf("cannot send command: %w", err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("cannot read answer: %w", err)
	}
	text := strings.TrimSpace(string(reply))
	if problem, bad := strings.CutPrefix(text, "error: "); bad {
		return "", errors.New(problem)
	}
	return text, nil
}
