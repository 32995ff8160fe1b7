package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// eyesALSA: programs that play or record on the sound card itself, beside
// PipeWire, have no node in any graph. The kernel names them.
func eyesALSA(t *T) {
	t.says("audio-idle", passes)
	for _, c := range []struct{ program, unit, detail, file string }{
		{"arecord", "lab-record", "recording", "/dev/null"},
		{"aplay", "lab-play", "playing", "/dev/zero"},
	} {
		t.Eventually("PipeWire lets go of the card", settleLimit, cardClosed)
		pid := t.asUnit("dev", c.unit, c.program, "-q", "-D", "hw:0,0", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2", c.file)
		t.Eventually(c.program+" has the card", time.Minute, func() error {
			if cardClosed() == nil {
				return fmt.Errorf("no stream is open")
			}
			return nil
		})
		t.Sh("cat /proc/asound/card0/pcm*/sub*/status; fuser -v /dev/snd/* 2>&1")
		v := t.says("audio-idle", denies, "audio-active", c.program)
		if who := t.blames(v, pid); who.User != "dev" || who.Comm != c.program || who.Detail != c.detail {
			t.Errorf("the culprit is %+v", who)
		}
		t.endUnit("dev", c.unit)
		t.says("audio-idle", passes)
	}
}

// cardClosed says whether no stream of a sound card is open.
func cardClosed() error {
	streams, err := filepath.Glob("/proc/asound/card0/pcm*/sub*/status")
	if err != nil || len(streams) == 0 {
		return fmt.Errorf("there is no sound card: %w", err)
	}
	for _, stream := range streams {
		text, err := os.ReadFile(stream)
		if err != nil || strings.TrimSpace(string(text)) != "closed" {
			return fmt.Errorf("%s: %s, %w", stream, text, err)
		}
	}
	return nil
}
