package look

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

var (
	alsaCard   = regexp.MustCompile(`^card[0-9]+$`)
	alsaPCM    = regexp.MustCompile(`^pcm[0-9]+[pc]$`)
	alsaStream = regexp.MustCompile(`^sub[0-9]+$`)
)

// maxPCM bounds what is listed; a large interface has some tens of streams.
const maxPCM = 64

// pcms lists the streams of sound cards that a program has open itself. What
// audio servers have open is left out: who plays through them they know. See the
// kernel's Documentation/sound/designs/procfile.rst.
func (m *Machine) pcms(ctx context.Context) ([]facts.PCM, error) {
	streams, unlisted := m.streams()
	var out []facts.PCM
	for _, stream := range streams {
		open, err := m.pcm(ctx, stream)
		if err != nil || ctx.Err() != nil {
			return out, errors.Join(err, ctx.Err())
		}
		if len(out)+len(open) > maxPCM {
			return out, fmt.Errorf("more than %d streams of sound cards are open", maxPCM)
		}
		out = append(out, open...)
	}
	return out, unlisted
}

// streams lists all streams of sound cards; a card that was unplugged has none.
// The error says of which they could not be listed.
func (m *Machine) streams() ([]string, error) {
	at, problems := []string{""}, []error(nil)
	for _, level := range []*regexp.Regexp{alsaCard, alsaPCM, alsaStream} {
		var below []string
		for _, dir := range at {
			names, err := m.list("proc/asound", dir)
			if dir == "" && len(names) == 0 && m.hasSound() {
				err = errors.New("the kernel does not show them in /proc/asound")
			}
			if err != nil {
				problems = append(problems, fmt.Errorf("cannot list sound cards: %w", err))
			}
			for _, name := range names {
				if level.MatchString(name) {
					below = append(below, path.Join(dir, name))
				}
			}
		}
		at = below
	}
	return at, errors.Join(problems...)
}

// hasSound tells whether there are devices that could be open.
func (m *Machine) hasSound() bool {
	names, _ := m.list("dev/snd") // not there: no sound
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "pcm") })
}

// pcm reads one stream, and who has it open but for audio servers. The thread
// that opened it may have ended since: then whoever has the device open has it.
func (m *Machine) pcm(ctx context.Context, stream string) ([]facts.PCM, error) {
	text, err := m.read("proc/asound", stream, "status")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell who uses a sound card: %w", err)
	}
	state, thread, open := parsePCM(text)
	if !open {
		return nil, nil
	}
	owners, err := m.owners(ctx, thread, soundDevice(stream))
	if len(owners) == 0 {
		return nil, errors.Join(fmt.Errorf("cannot tell who uses a sound card: the owner of %s is not to be seen", stream), err)
	}
	var out []facts.PCM
	for _, p := range owners {
		if !serves(p) {
			out = append(out, facts.PCM{Process: p, Device: stream, Capture: strings.HasSuffix(path.Dir(stream), "c"), State: state})
		}
	}
	return out, nil
}

// soundDevice is the device file of a stream: /dev/snd/pcmC0D3p for
// card0/pcm3p/sub0.
func soundDevice(stream string) string {
	parts := strings.Split(stream, "/")
	return "/dev/snd/pcmC" + strings.TrimPrefix(parts[0], "card") + "D" + strings.TrimPrefix(parts[1], "pcm")
}

// parsePCM reads the status of a stream: "closed", or lines such as
// "state: RUNNING" and "owner_pid   : 1234", the thread that opened it.
func parsePCM(text string) (state string, thread uint32, open bool) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "state":
			state = facts.Clean(value)
		case "owner_pid":
			if n, err := strconv.ParseUint(value, 10, 32); err == nil {
				thread = uint32(n)
			}
		}
	}
	return state, thread, state != ""
}

// owners finds who has a stream: the process of the thread that opened it; when
// that thread has ended, or its number is another's now, whoever has the device
// open; and only then the thread's process without that proof.
func (m *Machine) owners(ctx context.Context, thread uint32, device string) ([]facts.Process, error) {
	pid, lives := m.process(thread)
	if lives {
		if p, has, err := m.opened(ctx, pid, device); err == nil && has {
			return []facts.Process{p}, nil
		}
	}
	owners, err := m.Holders(ctx, device)
	if len(owners) > 0 || !lives {
		return owners, err
	}
	if one, ok := m.single(pid); ok {
		return []facts.Process{one.Process}, nil
	}
	return nil, err
}

// process finds the process of a thread: what a thread calls itself is not what
// its program is called.
func (m *Machine) process(thread uint32) (pid uint32, ok bool) {
	status, err := m.read("proc", strconv.FormatUint(uint64(thread), 10), "status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil {
				return uint32(n), true
			}
		}
	}
	return thread, true
}

// serves tells whether a process is an audio server: those that are looked for
// as such, and PulseAudio's own daemon, which guards look for by name.
func serves(p facts.Process) bool { return audioServer(p) != "" || p.Named("pulseaudio") }
