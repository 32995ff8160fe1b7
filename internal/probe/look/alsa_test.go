package look_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/modectl/moded/internal/probe"
	"github.com/modectl/moded/internal/probe/look"
)

// sound is a machine with two processes and a sound card, a stream of which is
// played by a thread of the first.
func sound(t *testing.T) tree {
	at := machineTree(t)
	at.process(fake{pid: 500, ppid: 1, comm: "reaper", exe: "/usr/bin/reaper", cgroup: "/user.slice/user-1000.slice/session-3.scope"})
	at.process(fake{pid: 600, ppid: 1, comm: "pipewire", exe: "/usr/bin/pipewire", cgroup: "/user.slice/user-1000.slice/user@1000.service/session.slice/pipewire.service"})
	for thread, process := range map[int]int{501: 500, 601: 600} {
		at.put(fmt.Sprintf("proc/%d/status", thread), fmt.Sprintf("Name:\tdata-loop.0\nTgid:\t%d\nPid:\t%d\n", process, thread))
	}
	at.put("proc/asound/version", "ALSA\n")
	at.put("dev/snd/pcmC0D0p", "")
	at.put("proc/asound/card0/id", "PCH\n")
	at.put("proc/asound/card0/pcm0c/sub0/status", "closed\n")
	at.status("card0/pcm0p/sub0", "RUNNING", 501)
	return at
}

func (at tree) status(stream, state string, owner int) {
	at.put("proc/asound/"+stream+"/status", fmt.Sprintf("state: %s\nowner_pid   : %d\ntrigger_time: 17.000000000\n", state, owner))
}

// streams lists what is seen of sound cards, or why not all of it is.
func (at tree) streams(t *testing.T) (list []string, unknown string) {
	t.Helper()
	a := at.machine().Look(context.Background(), probe.Question{Sound: true})
	for _, p := range a.Process.PCM {
		list = append(list, fmt.Sprintf("%s %s %d %s capture=%v", p.Device, p.Comm, p.PID, p.State, p.Capture))
	}
	return list, a.Process.Unknown
}

func TestWhoUsesASoundCardItselfIsNamed(t *testing.T) {
	t.Parallel()
	at := sound(t)
	at.status("card1/pcm3c/sub1", "PREPARED", 501)
	got, unknown := at.streams(t)
	want := "card0/pcm0p/sub0 reaper 500 RUNNING capture=false, card1/pcm3c/sub1 reaper 500 PREPARED capture=true"
	if s := strings.Join(got, ", "); s != want || unknown != "" {
		t.Errorf("got %s, %q", s, unknown)
	}
}

func TestWhatAnAudioServerHasOpenIsNobodyElses(t *testing.T) {
	t.Parallel()
	at := sound(t)
	at.status("card0/pcm0p/sub0", "RUNNING", 601)
	if got, unknown := at.streams(t); len(got) != 0 || unknown != "" {
		t.Errorf("got %q, %q", got, unknown)
	}
}

func TestAThreadThatHasEndedHidesNobody(t *testing.T) {
	t.Parallel()
	at := sound(t)
	at.status("card0/pcm0p/sub0", "RUNNING", 509)
	if got, unknown := at.streams(t); len(got) != 0 || !strings.Contains(unknown, "owner of card0/pcm0p/sub0 is not to be seen") {
		t.Errorf("where nobody has the device open: %q, %q", got, unknown)
	}
	at.put("proc/500/fd/7", "-> /dev/snd/pcmC0D0p")
	if got, unknown := at.streams(t); len(got) != 1 || !strings.HasPrefix(got[0], "card0/pcm0p/sub0 reaper 500") || unknown != "" {
		t.Errorf("where reaper has: %q, %q", got, unknown)
	}
}

func TestMoreStreamsThanAreListedAreNotAll(t *testing.T) {
	t.Parallel()
	at := sound(t)
	for i := range 100 {
		at.status(fmt.Sprintf("card0/pcm0p/sub%d", i), "OPEN", 501)
	}
	at.status("card1/pcm0c/sub0", "RUNNING", 501)
	if got, unknown := at.streams(t); len(got) != 64 || !strings.Contains(unknown, "more than 64 streams") {
		t.Errorf("%d are listed, %q", len(got), unknown)
	}
}

func TestACardThatCannotBeReadIsUnknown(t *testing.T) {
	t.Parallel()
	for _, plant := range []string{"proc/asound/card1", "proc/asound/card0/pcm1c"} {
		at := sound(t)
		at.put(plant, "")
		if got, unknown := at.streams(t); len(got) != 1 || !strings.Contains(unknown, "cannot list sound cards") {
			t.Errorf("%s: %q, %q", plant, got, unknown)
		}
	}
}

func TestAThreadsNumberThatIsAnothersHidesNobody(t *testing.T) {
	t.Parallel()
	at := sound(t)
	at.status("card0/pcm0p/sub0", "RUNNING", 601) // PipeWire's thread now
	at.put("proc/500/fd/7", "-> /dev/snd/pcmC0D0p")
	if got, unknown := at.streams(t); len(got) != 1 || !strings.HasPrefix(got[0], "card0/pcm0p/sub0 reaper 500") || unknown != "" {
		t.Errorf("got %q, %q", got, unknown)
	}
}

func TestCardsThatTheKernelDoesNotShowAreUnknown(t *testing.T) {
	t.Parallel()
	at := machineTree(t)
	if got, unknown := at.streams(t); len(got) != 0 || unknown != "" {
		t.Errorf("where there is no sound: %q, %q", got, unknown)
	}
	at.put("dev/snd/pcmC0D0p", "")
	if _, unknown := at.streams(t); !strings.Contains(unknown, "does not show them in /proc/asound") {
		t.Errorf("got %q", unknown)
	}
}

func FuzzPCM(f *testing.F) {
	f.Add("closed\n")
	f.Add("state: RUNNING\nowner_pid   : 1234\ntrigger_time: 17.0\n")
	f.Add("state: \x1b[2J\nowner_pid:99999999999\n")
	f.Fuzz(func(t *testing.T, text string) {
		state, _, open := look.ParsePCM(text)
		if open != (state != "") || strings.ContainsAny(state, "\x1b\n\r") {
			t.Errorf("state %q, open %v", state, open)
		}
	})
}
