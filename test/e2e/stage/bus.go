package stage

import (
	"bufio"
	"context"
	_ "embed" // for the configuration
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	dbusxml "github.com/modectl/moded/dbus"
)

// busConf is the policy of a stock system bus, without its user, activation
// and includes.
//
//go:embed bus.conf
var busConf string

// startBus starts the bus and returns when it can be used.
func (s *Stage) startBus(ctx context.Context) error {
	conf := filepath.Join(s.dir, "bus.conf")
	if err := os.WriteFile(conf, []byte(s.busConfig()), 0o600); err != nil {
		return fmt.Errorf("cannot write the configuration of the bus: %w", err)
	}
	// #nosec G204 -- the arguments are ours
	cmd := exec.Command("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile", "--print-address=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("cannot start the bus: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the bus (make deps installs dbus-daemon): %w", err)
	}
	s.bus = cmd
	defer context.AfterFunc(ctx, func() { _ = out.Close() })()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(errors.New("cannot start the bus: it ended before it was up"), ctx.Err())
	}
	s.Bus = strings.TrimSpace(address)
	return nil
}

// busConfig is the stock policy with a socket of ours and moded's own policy,
// in which the caller stands for root.
func (s *Stage) busConfig() string {
	_, rest, _ := strings.Cut(dbusxml.BusPolicy, "<busconfig>")
	policy, _, _ := strings.Cut(rest, "</busconfig>")
	policy = strings.ReplaceAll(policy, `user="root"`, `user="`+strconv.Itoa(os.Getuid())+`"`)
	return strings.NewReplacer(
		"<!-- LISTEN -->", "<listen>unix:path="+filepath.Join(s.dir, "bus")+"</listen>",
		"<!-- POLICY -->", policy,
	).Replace(busConf)
}
