//go:build kube

package kube_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/workload"
	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

// childEnv makes this program the brain of one step, which a test kills.
const childEnv = "MODED_KUBE_CHILD"

type order struct {
	Socket string
	Want   fsm.Value
}

// child captures, tells the snapshot, and does.
func child() int {
	var o order
	m := actionstest.New()
	m.Add(actionstest.K3sUnit, "notify", "active")
	err := json.Unmarshal([]byte(os.Getenv(childEnv)), &o)
	hands := m.Hands()
	hands.Cluster, hands.Timing = workload.NewClient(o.Socket, "1"), quick
	action := actions.New(hands)["k3s"]
	was, cerr := action.Capture(context.Background(), "", o.Want)
	fmt.Println(was)
	if err := errors.Join(err, cerr, action.Do(context.Background(), "", o.Want)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestABrainThatIsKilledInADrainLeavesNoCordonBehind(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.pod("web", nil)
	s.budget("web", 0) // so that the drain is still under way
	text, err := json.Marshal(order{world.socket, s.want("control-plane", "drain-timeout", "10m")})
	if err != nil {
		t.Fatal(err)
	}
	brain := exec.Command(os.Args[0])
	brain.Env = append(os.Environ(), childEnv+"="+string(text))
	out, err := brain.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := brain.Start(); err != nil {
		t.Fatal(err)
	}
	was, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.soon("the node is cordoned", func() bool { return s.node().Spec.Unschedulable })
	_ = brain.Process.Kill() // with SIGKILL
	if err := brain.Wait(); err == nil {
		t.Error("it was not killed")
	}
	s.undo(fsm.Snapshot(strings.TrimSpace(was)))
	s.open("after the next start's undo")
}

// shortest is in how long a drain is cut off at least, which is when it has begun
// every other time on a fast machine.
const shortest = 60 * time.Millisecond

// Whatever moment ends a drain, and whatever of its orders is still on its way,
// the undo leaves an open node: 1,000 times.
func TestADrainThatIsCutOffAnywhereLeavesNoCordonBehind(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.pod("web", nil)
	s.budget("web", 0)
	cordoned, window := 0, shortest
	for range 1000 {
		want := s.want("control-plane", "mark", actions.ClusterMark{Label: "desktop"})
		was := s.capture(want)
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(window))
		if err := s.action.Do(ctx, "", want); err == nil {
			t.Error("it was drained")
		}
		cancel()
		if s.node().Spec.Unschedulable {
			cordoned++
			window = max(window-window/50, shortest)
		} else {
			window = min(window+window/50, time.Second) // a slow machine needs longer to begin
		}
		s.undo(was)
		if n := s.node(); n.Spec.Unschedulable || n.Labels["modectl.org/mode"] != "" {
			t.Fatalf("after %d cordons: %v, %v", cordoned, n.Spec.Unschedulable, n.Labels)
		}
	}
	t.Logf("%d of 1,000 were cut off with the node cordoned", cordoned)
	if cordoned < 100 {
		t.Error("hardly any drain had begun")
	}
	s.open("at the end")
}

// These freeze and kill the one API server, so that nothing runs beside them.

func TestAnAPIServerThatHangsIsWaitedForByTheUndo(t *testing.T) {
	s := newScene(t)
	s.pod("web", nil)
	s.budget("web", 0)
	was := s.capture(s.released())
	s.later(time.Second, world.Freeze)
	s.do2(s.released("drain-timeout", "4s")) // stops k3s instead, and says so
	if s.machine.Units[actionstest.K3sUnit].Active != "inactive" {
		t.Error("k3s goes on undrained")
	}
	s.later(1500*time.Millisecond, world.Thaw)
	s.undoPatiently(was)
	s.open("after the undo")
	if s.machine.Units[actionstest.K3sUnit].Active != "active" {
		t.Error("k3s is down after the undo")
	}
}

// An order that hung at an API server that hung is carried out when that goes
// on: not after the undo.
func TestAnOrderThatHungDoesNotOvertakeTheUndo(t *testing.T) {
	s := newScene(t)
	was := s.capture(s.released())
	if err := world.Freeze(); err != nil {
		t.Fatal(err)
	}
	s.do2(s.released())
	if err := world.Thaw(); err != nil {
		t.Fatal(err)
	}
	s.undoPatiently(was)
	s.open("right after the undo")
	time.Sleep(2 * time.Second) // what hung would have come by now
	s.open("later")
}

func TestAnAPIServerThatWasSilentAtTheCaptureIsUndoneByTheCordonsDate(t *testing.T) {
	s := newScene(t)
	if err := world.Freeze(); err != nil {
		t.Fatal(err)
	}
	was := s.capture(s.released())
	if err := world.Thaw(); err != nil {
		t.Fatal(err)
	}
	s.node() // it answers again
	s.do(s.released())
	if !s.node().Spec.Unschedulable {
		t.Error("it was not cordoned")
	}
	s.undo(was)
	s.open("after the undo")
	s.do(s.released())
	time.Sleep(1100 * time.Millisecond) // dates have seconds
	if err := world.Freeze(); err != nil {
		t.Fatal(err)
	}
	was = s.capture(s.released())
	if err := world.Thaw(); err != nil {
		t.Fatal(err)
	}
	s.node() // it answers again
	s.undo(was)
	if !s.node().Spec.Unschedulable {
		t.Error("a cordon of an earlier mode was lifted")
	}
}

func TestAnAPIServerThatGoesAwayAndComesBack(t *testing.T) {
	s := newScene(t)
	s.pod("web", nil)
	s.budget("web", 0)
	was := s.capture(s.released())
	s.later(time.Second, func() error { world.Kill(); return nil })
	s.do2(s.released("drain-timeout", "4s"))
	if err := s.action.Undo(t.Context(), "", was); !errors.Is(err, actions.ErrClusterSilent) {
		t.Errorf("the node is cordoned, nobody answers, and Undo says %v", err)
	}
	if ok, err := s.action.Settled(t.Context(), "", s.want("full")); ok || !errors.Is(err, actions.ErrClusterSilent) {
		t.Errorf("settled without an answer: %v, %v", ok, err)
	}
	if err := world.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.undoPatiently(was)
	s.open("after the undo that found it again")
}

// do2 wants a release that found no API server: it succeeds, by stopping k3s.
func (s *scene) do2(want fsm.Value) {
	s.Helper()
	var said []string
	ctx := fsm.WithCautions(s.Context(), func(text string) { said = append(said, text) })
	if err := s.action.Do(ctx, "", want); err != nil {
		s.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "stopped without draining") {
		s.Errorf("people are told %q", said)
	}
}

// undoPatiently tries again, as the engine does: more often, for the tests have less
// patience with each.
func (s *scene) undoPatiently(was fsm.Snapshot) {
	s.Helper()
	var err error
	for range 20 {
		if err = s.action.Undo(s.Context(), "", was); err == nil {
			return
		}
	}
	s.Fatal(err)
}
