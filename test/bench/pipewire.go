package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// nullSink gives PipeWire something to show on a machine without a sound card.
const nullSink = `context.objects = [
  { factory = adapter
    args = {
      factory.name     = support.null-audio-sink
      node.name        = bench-sink
      media.class      = Audio/Sink
      object.linger    = true
      audio.position   = [ FL FR ]
    }
  }
]
`

// pipewire is a PipeWire of our own that nobody plays through, in a runtime
// directory of its own.
type pipewire struct {
	cmd *exec.Cmd
	env []string // reaches it
}

func startPipewire(ctx context.Context, dir string) (*pipewire, error) {
	runtime, config := filepath.Join(dir, "xdg-run"), filepath.Join(dir, "xdg-config")
	drop := filepath.Join(config, "pipewire", "pipewire.conf.d")
	for _, d := range []string{runtime, drop} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(drop, "null-sink.conf"), []byte(nullSink), 0o600); err != nil {
		return nil, err
	}
	p := &pipewire{cmd: exec.Command("pipewire"), env: append(os.Environ(), "XDG_RUNTIME_DIR="+runtime, "PIPEWIRE_RUNTIME_DIR="+runtime,
		"XDG_CONFIG_HOME="+config, "DBUS_SESSION_BUS_ADDRESS=disabled:", "PIPEWIRE_DEBUG=0")}
	p.cmd.Env = p.env
	mortal(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start pipewire: %w", err)
	}
	for deadline := time.Now().Add(15 * time.Second); ; pause() {
		dump := exec.CommandContext(ctx, "pw-dump")
		dump.Env = p.env
		out, err := dump.Output()
		if err == nil && len(out) > 2 {
			return p, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			p.stop()
			return nil, fmt.Errorf("pipewire does not answer pw-dump: %w", err)
		}
	}
}

func (p *pipewire) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// pause is between two looks at something that is not yet there.
func pause() { time.Sleep(20 * time.Millisecond) }
