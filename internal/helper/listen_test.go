package helper_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/helper"
)

func TestTheSocketIsTakenFromPID1(t *testing.T) {
	if os.Getenv("LISTEN_FDS") != "" {
		answerOnce(t)
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	// Who asks is there before the helper, which leaves soon when nobody asks.
	conn, err := helper.Socket(path)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// This test once more, as PID 1 starts a helper.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -test.run="^$1\$"`, os.Args[0], t.Name())
	cmd.ExtraFiles = []*os.File{file}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	c := &client{Protocol: parrot, Dial: func(context.Context) (net.Conn, error) { return conn, nil }}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if a, err := c.Ask(ctx, question{[]string{"polly"}}); err != nil || a.Letters != 5 {
		t.Errorf("got %+v, %v", a, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	_ = l.Close()
}

// answerOnce is the helper that the test starts.
func answerOnce(t *testing.T) {
	t.Helper()
	l, err := helper.Listen("moded-parrot", "")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Protocol: parrot, Answer: count, Idle: 300 * time.Millisecond, Patience: time.Minute}
	if err := s.Serve(t.Context(), l); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutASocketItIsSaidWhatToDo(t *testing.T) {
	t.Parallel()
	if _, err := helper.Listen("moded-parrot", ""); err == nil || !strings.Contains(err.Error(), "start moded-parrot.socket") {
		t.Errorf("error is %v", err)
	}
	if _, err := helper.Listen("moded-parrot", filepath.Join(t.TempDir(), "nowhere", "s")); err == nil || !strings.Contains(err.Error(), "cannot listen") {
		t.Errorf("error is %v", err)
	}
}
