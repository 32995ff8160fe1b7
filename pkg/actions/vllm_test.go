package actions_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modectl/moded/pkg/actions"
	"github.com/modectl/moded/pkg/actions/actionstest"
	"github.com/modectl/moded/pkg/fsm"
)

const (
	vllmURL  = "http://127.0.0.1:8001"
	vllmBoth = `{"state":"on","unit":"vllm.service","url":"http://127.0.0.1:8001","model":"qwen","drain-timeout":"2m","ready-timeout":"20m",` +
		`"gpus":[{"name":"gpu1","pci":"0000:02:00.0"},{"name":"gpu0","uuid":"GPU-1"}]}`
	vllmOne = `{"state":"on","unit":"vllm.service","url":"http://127.0.0.1:8001","model":"qwen","drain-timeout":"2m","ready-timeout":"20m",` +
		`"gpus":[{"name":"gpu1","pci":"0000:02:00.0"}],"tensor-parallel":1}`
	vllmAuto = `{"state":"on","unit":"vllm.service","url":"http://127.0.0.1:8001","drain-timeout":"2m","ready-timeout":"20m",` +
		`"gpus":[{"name":"others"}]}`
	vllmOff = `{"state":"off","unit":"vllm.service","url":"http://127.0.0.1:8001","drain-timeout":"2m"}`

	envBoth = "CUDA_DEVICE_ORDER=\"PCI_BUS_ID\"\nCUDA_VISIBLE_DEVICES=\"GPU-2,GPU-1\"\nMODED_TENSOR_PARALLEL_SIZE=\"2\"\nMODED_VLLM_GPUS=\"gpu1,gpu0\"\n"
	envOne  = "CUDA_DEVICE_ORDER=\"PCI_BUS_ID\"\nCUDA_VISIBLE_DEVICES=\"GPU-2\"\nMODED_TENSOR_PARALLEL_SIZE=\"1\"\nMODED_VLLM_GPUS=\"gpu1\"\n"
)

// serves adds a second GPU, and a vLLM server that is down.
func serves(m *actionstest.Machine) {
	m.GPUs = append(m.GPUs, actions.Device{PCI: "0000:02:00.0", UUID: "GPU-2"})
	u := m.Add("vllm.service", "simple", "inactive")
	u.Gated = true
	u.Serve(actionstest.Server{URL: vllmURL, Model: "qwen", Service: actions.Service{StopTimeout: 20 * time.Second}})
}

// servesOne is serves with the server up on the second GPU.
func servesOne(m *actionstest.Machine) {
	serves(m)
	m.Env["vllm.service"] = envOne
	if _, err := m.Hands().Units.Start(context.Background(), "vllm.service"); err != nil {
		panic(err)
	}
}

// server is the workstation's vLLM server, up on the second GPU.
func server(prepare func(s *actionstest.Server)) *actionstest.Machine {
	m := workstation()
	servesOne(m)
	if prepare != nil {
		prepare(m.Units["vllm.service"].Server)
	}
	return m
}

func TestAServerIsGivenItsGPUsByUUIDInTheOrderOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want fsm.Value
		env  string
	}{
		"two by address and UUID": {vllmBoth, envBoth},
		"one":                     {vllmOne, envOne},
		"those beside the display": {vllmAuto,
			"CUDA_DEVICE_ORDER=\"PCI_BUS_ID\"\nCUDA_VISIBLE_DEVICES=\"GPU-2\"\nMODED_TENSOR_PARALLEL_SIZE=\"1\"\nMODED_VLLM_GPUS=\"others\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := workstation()
				serves(m)
				do(t, m, "vllm", "main", c.want)
				if got := m.Units["vllm.service"].Read; got != c.env {
					t.Errorf("vllm.service read %q, want %q", got, c.env)
				}
				if !settled(t, m, "vllm", "main", c.want) {
					t.Error("not settled")
				}
			})
		})
	}
}

func TestAServerIsNotOnWithOtherGPUsThanItsOwn(t *testing.T) {
	t.Parallel()
	m := server(nil)
	if !settled(t, m, "vllm", "main", vllmOne) || settled(t, m, "vllm", "main", vllmBoth) {
		t.Error("one GPU is not one GPU")
	}
	m.GPUs[0].Holders = append(m.GPUs[0].Holders, actions.DeviceHolder{PID: 9, Comm: "python3", Unit: "vllm.service", Compute: true})
	if settled(t, m, "vllm", "main", vllmOne) {
		t.Error("settled with a GPU that was not given")
	}
	m = server(func(s *actionstest.Server) { s.Model = "llama" })
	if settled(t, m, "vllm", "main", vllmOne) {
		t.Error("settled with another model")
	}
	m = server(nil)
	m.Denied["vllm.service"] = true
	if settled(t, m, "vllm", "main", vllmOne) {
		t.Error("settled behind a shut gate")
	}
}

func TestRequestsEndBeforeTheServerStops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare  func(s *actionstest.Server)
		min, max time.Duration
		says     string
	}{
		"idle":          {func(*actionstest.Server) {}, 0, 2 * time.Second, "draining vllm.service: no request"},
		"busy for 30 s": {func(s *actionstest.Server) { s.Running, s.Ends = 3, time.Now().Add(30*time.Second) }, 30 * time.Second, 32 * time.Second, "draining vllm.service: 3 running and 0 waiting requests"},
		"with a queue":  {func(s *actionstest.Server) { s.Waiting = 2 }, 2 * time.Minute, 123 * time.Second, "it was not drained: 0 running and 2 waiting requests"},
		"with a queue that came after the pause": {func(s *actionstest.Server) { s.Waiting, s.Pauses = 2, true },
			0, 2 * time.Second, "draining vllm.service: no request"},
		"never ending": {func(s *actionstest.Server) { s.Running = 1 }, 2 * time.Minute, 123 * time.Second, "it was not drained: 1 running and 0 waiting requests"},
		"without metrics": {func(s *actionstest.Server) { s.Mute, s.Running = true, 1 }, 15 * time.Second, 20 * time.Second,
			"it was not drained: cannot see its requests: no metrics"},
		"loading": {func(s *actionstest.Server) { s.Never = true }, 0, 2 * time.Second, "draining vllm.service: no request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := server(c.prepare)
				var notes []string
				note := func(text string) { notes = append(notes, text) }
				ctx := fsm.WithCautions(fsm.WithProgress(t.Context(), note), note)
				began := time.Now()
				if err := actions.New(m.Hands())["vllm"].Do(ctx, "main", vllmOff); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < c.min || took > c.max {
					t.Errorf("it took %s", took)
				}
				if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, c.says) }) {
					t.Errorf("notes %q do not say %q", notes, c.says)
				}
				if !settled(t, m, "vllm", "main", vllmOff) || !m.Denied["vllm.service"] {
					t.Error("not settled, or the gate is open")
				}
			})
		})
	}
}

func TestADrainThatIsCancelledLetsTheServerAcceptAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := server(func(s *actionstest.Server) { s.Running, s.Pauses = 1, true })
		before := m.String()
		action := actions.New(m.Hands())["vllm"]
		was, err := action.Capture(t.Context(), "main", vllmOff)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("cancelled by dev")
		time.AfterFunc(10*time.Second, func() { cancel(gone) })
		if err := action.Do(ctx, "main", vllmOff); !errors.Is(err, gone) {
			t.Fatalf("error is %v", err)
		}
		if !m.Units["vllm.service"].Server.Paused {
			t.Error("it was not paused")
		}
		if err := action.Undo(t.Context(), "main", was); err != nil {
			t.Fatal(err)
		}
		if now := m.String(); now != before {
			t.Errorf("before:\n%s\nnow:\n%s", before, now)
		}
	})
}

func TestAServerOfSomebodyWhoPausedItStaysPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := server(func(s *actionstest.Server) { s.Pauses, s.Paused = true, true })
		action := actions.New(m.Hands())["vllm"]
		was, err := action.Capture(t.Context(), "main", vllmOff)
		if err == nil {
			err = action.Undo(t.Context(), "main", was)
		}
		if err != nil || !m.Units["vllm.service"].Server.Paused {
			t.Errorf("it accepts requests again: %v", err)
		}
	})
}

func TestWhatAStoppedServerLeavesIsKilledOrNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(s *actionstest.Server)
		says    string
	}{
		"an engine in the cgroup": {func(s *actionstest.Server) { s.Leaves = true }, ""},
		"a server that is deaf":   {func(s *actionstest.Server) { s.Deaf = true }, ""},
		"an engine that cannot be killed": {func(s *actionstest.Server) { s.Leaves, s.Stubborn = true, true },
			"vllm.service was stopped, but its processes are still there: python3 (4002); 0000:02:00.0 is still held by python3 (4002, vllm.service, ai)"},
		"an engine that went elsewhere": {func(s *actionstest.Server) { s.Leaves, s.Strays = true, "ray.scope" },
			"vllm.service was stopped, but 0000:02:00.0 is still held by python3 (4002, ray.scope, ai)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := server(c.prepare)
				err := actions.New(m.Hands())["vllm"].Do(t.Context(), "main", vllmOff)
				if c.says == "" {
					if err != nil || len(m.GPUs[1].Holders) > 0 || !settled(t, m, "vllm", "main", vllmOff) {
						t.Errorf("Do: %v, holders %v", err, m.GPUs[1].Holders)
					}
				} else if err == nil || err.Error() != c.says {
					t.Errorf("got  %v\nwant %s", err, c.says)
				}
			})
		})
	}
}

func TestAStartThatTakesLongMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		serves(m)
		m.Units["vllm.service"].Server.Loads = 17 * time.Minute
		var notes []string
		ctx := fsm.WithProgress(t.Context(), func(text string) { notes = append(notes, text) })
		if err := actions.New(m.Hands())["vllm"].Do(ctx, "main", vllmOne); err != nil {
			t.Fatal(err)
		}
		const note = "waiting for vllm.service to be ready (10m0s of 20m0s): connection refused"
		if !slices.Contains(notes, note) {
			t.Errorf("nobody said %q", note)
		}
	})
}

func TestAServerThatDoesNotComeUpSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want    fsm.Value
		prepare func(m *actionstest.Machine, u *actionstest.Unit)
		says    string
		within  time.Duration
	}{
		"never ready": {vllmOne, func(_ *actionstest.Machine, u *actionstest.Unit) { u.Server.Never = true },
			"vllm.service is not ready after 20m0s: connection refused", 21 * time.Minute},
		"dies while it loads": {vllmOne, func(_ *actionstest.Machine, u *actionstest.Unit) { u.Server.Never, u.Dies = true, time.Minute },
			"vllm.service did not become ready: it is failed (exit-code)", 62 * time.Second},
		"fails": {vllmOne, func(_ *actionstest.Machine, u *actionstest.Unit) { u.Fails = true },
			"cannot start vllm.service: job result failed, it is failed (exit-code)", time.Second},
		"another model": {vllmOne, func(_ *actionstest.Machine, u *actionstest.Unit) { u.Server.Model = "llama" },
			"vllm.service does not serve qwen, but llama", 10 * time.Second},
		"another GPU too": {vllmOne, func(_ *actionstest.Machine, u *actionstest.Unit) { u.Server.Takes = "0000:01:00.0" },
			"vllm.service holds 0000:01:00.0, which is not given to it", time.Minute},
		"no GPU": {vllmOne, func(m *actionstest.Machine, u *actionstest.Unit) {
			u.EnvironmentFiles = nil
			u.Server.Takes = ""
			m.GPUs[1].Suspended = true
			u.EnvironmentFiles = []string{actionstest.EnvDir + "/other.service"}
			m.Env["other.service"] = "CUDA_VISIBLE_DEVICES=\"\"\n"
		}, "vllm.service does not hold gpu1", time.Minute},
		"a GPU that is not there": {vllmBoth, func(m *actionstest.Machine, _ *actionstest.Unit) { m.GPUs = m.GPUs[1:] },
			"gpu0 (GPU-1) does not exist on this machine", 0},
		"a GPU without a UUID": {vllmOne, func(m *actionstest.Machine, _ *actionstest.Unit) { m.GPUs[1].UUID = "" },
			"gpu1 (0000:02:00.0) has no UUID", 0},
		"a UUID that would be a list": {vllmOne, func(m *actionstest.Machine, _ *actionstest.Unit) { m.GPUs[1].UUID = "GPU-2,0" },
			"which CUDA would not take", 0},
		"no GPUs": {`{"state":"on","unit":"vllm.service","url":"http://127.0.0.1:8001"}`, func(*actionstest.Machine, *actionstest.Unit) {},
			"a vLLM server needs a GPU", 0},
		"the same GPU twice": {`{"state":"on","unit":"vllm.service","url":"u","gpus":[{"name":"a","pci":"0000:02:00.0"},{"name":"b","uuid":"GPU-2"}]}`,
			func(*actionstest.Machine, *actionstest.Unit) {}, "b (0000:02:00.0) is given twice", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := workstation()
				serves(m)
				c.prepare(m, m.Units["vllm.service"])
				began := time.Now()
				err := actions.New(m.Hands())["vllm"].Do(t.Context(), "main", c.want)
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v does not say %q", err, c.says)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// asleep are devices of which the kernel's files do not tell the UUIDs.
type asleep struct {
	behind actions.Devices
	asked  int
}

func (a *asleep) Devices(ctx context.Context) ([]actions.Device, error) {
	list, err := a.behind.Devices(ctx)
	for i := range list {
		list[i].UUID = ""
	}
	return list, err
}

func (a *asleep) Contexts(ctx context.Context) ([]actions.Device, error) {
	a.asked++
	return a.behind.Devices(ctx)
}

func TestTheDriverIsAskedForAUUIDThatTheKernelDoesNotTell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := workstation()
		serves(m)
		hands := m.Hands()
		devices := &asleep{behind: hands.Devices}
		hands.Devices = devices
		if err := actions.New(hands)["vllm"].Do(t.Context(), "main", vllmBoth); err != nil {
			t.Fatal(err)
		}
		if got := m.Units["vllm.service"].Read; got != envBoth || devices.asked == 0 {
			t.Errorf("vllm.service read %q, want %q", got, envBoth)
		}
	})
}

func TestAServerThatIsOffHoldsItsGateAndIsAdvisedOfNone(t *testing.T) {
	t.Parallel()
	m := workstation()
	serves(m)
	action := actions.New(m.Hands())["vllm"]
	for gated, codes := range map[bool]int{true: 0, false: 1} {
		m.Units["vllm.service"].Gated = gated
		if got := action.(fsm.Adviser).Advise(t.Context(), "main", vllmOff); len(got) != codes || codes > 0 && got[0].Code != "no-gate" {
			t.Errorf("gated %v: advice is %+v", gated, got)
		}
		if got := action.(fsm.Adviser).Advise(t.Context(), "main", vllmOne); len(got) > 0 {
			t.Errorf("on: advice is %+v", got)
		}
	}
	if got := action.(fsm.Gatekeeper).Gates("main", vllmOff); !slices.Equal(got, []string{"vllm.service"}) {
		t.Errorf("off holds %q", got)
	}
	if got := action.(fsm.Gatekeeper).Gates("main", vllmOne); len(got) > 0 {
		t.Errorf("on holds %q", got)
	}
}

func TestPreflightTellsWhatAServerWouldDoWithItsGPUs(t *testing.T) {
	t.Parallel()
	ranks := func(command ...string) func(m *actionstest.Machine, u *actionstest.Unit) {
		return func(_ *actionstest.Machine, u *actionstest.Unit) { u.Server.Service.Command = command }
	}
	for name, c := range map[string]struct {
		want    fsm.Value
		prepare func(m *actionstest.Machine, u *actionstest.Unit)
		missing bool
		says    string
	}{
		"nothing":            {want: vllmBoth},
		"nothing about off":  {want: vllmOff, prepare: func(m *actionstest.Machine, _ *actionstest.Unit) { delete(m.Units, "vllm.service") }},
		"no unit":            {want: vllmOne, missing: true, prepare: func(m *actionstest.Machine, _ *actionstest.Unit) { delete(m.Units, "vllm.service") }},
		"no GPU":             {want: vllmOne, missing: true, prepare: func(m *actionstest.Machine, _ *actionstest.Unit) { m.GPUs = m.GPUs[:1] }},
		"no GPU besides one": {want: vllmAuto, missing: true, prepare: func(m *actionstest.Machine, _ *actionstest.Unit) { m.GPUs = m.GPUs[:1] }},
		"a dash": {want: vllmOne, says: "without a dash", prepare: func(_ *actionstest.Machine, u *actionstest.Unit) {
			u.EnvironmentFiles = []string{"-" + actionstest.EnvDir + "/vllm.service"}
		}},
		"no environment": {want: vllmOne, says: "add the line EnvironmentFile=/run/moded/env/vllm.service",
			prepare: func(_ *actionstest.Machine, u *actionstest.Unit) { u.EnvironmentFiles = nil }},
		"an engine that would stay": {want: vllmOne, says: "KillMode=process of vllm.service would leave its engine",
			prepare: func(_ *actionstest.Machine, u *actionstest.Unit) { u.Server.Service.KillMode = "process" }},
		"more ranks than GPUs": {want: `{"state":"on","unit":"vllm.service","url":"u","gpus":[{"name":"a","uuid":"GPU-1"}],"tensor-parallel":2}`,
			says: "tensor-parallel is 2, and vllm.service is given 1 GPU(s)"},
		"as many ranks as stated":    {want: vllmBoth, prepare: ranks("/usr/bin/vllm", "serve", "--tensor-parallel-size", "2")},
		"another number of ranks":    {want: vllmOne, prepare: ranks("/usr/bin/vllm", "--tensor-parallel-size=2"), says: "states --tensor-parallel-size 2"},
		"ranks that do not divide":   {want: vllmBoth, prepare: ranks("/usr/bin/vllm", "-tp", "1"), says: "let it say --tensor-parallel-size ${MODED_TENSOR_PARALLEL_SIZE}"},
		"a shell's ranks":            {want: vllmOne, prepare: ranks("/bin/sh", "-c", "exec vllm serve --tensor_parallel_size 4"), says: "states --tensor-parallel-size 4"},
		"ranks that come from us":    {want: vllmOne, prepare: ranks("/usr/bin/vllm", "--tensor-parallel-size", "${MODED_TENSOR_PARALLEL_SIZE}")},
		"an option without a number": {want: vllmOne, prepare: ranks("/usr/bin/vllm", "-tp")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := workstation()
			serves(m)
			if c.prepare != nil {
				c.prepare(m, m.Units["vllm.service"])
			}
			err := actions.New(m.Hands())["vllm"].(fsm.Preflighter).Preflight(t.Context(), "main", c.want)
			if errors.Is(err, fsm.ErrMissing) != c.missing {
				t.Errorf("missing is wrong for %v", err)
			}
			if (c.says != "" || c.missing) != (err != nil) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

// Of a thousand servers that misbehave in all ways at once, each is down with
// nothing left and its GPUs free, or named; and each is what it was after the
// undo, as far as its engine lets it.
func TestAThousandServersThatMisbehaveAreDownOrNamed(t *testing.T) {
	t.Parallel()
	for seed := range 1000 {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			often := func(n int) bool { return r.IntN(n) == 0 }
			m := server(func(s *actionstest.Server) {
				s.Running, s.Waiting, s.Mute, s.Pauses = r.IntN(3), r.IntN(2), often(4), often(2)
				if often(2) {
					s.Ends = time.Now().Add(time.Duration(r.IntN(200)) * time.Second)
				}
				s.Leaves, s.Deaf, s.Stubborn, s.Never = often(3), often(4), often(4), often(5)
				if s.Leaves && often(3) {
					s.Strays = "ray.scope"
				}
				s.Service.StopTimeout = time.Duration(r.IntN(100)) * time.Second
			})
			s := m.Units["vllm.service"].Server
			action := actions.New(m.Hands())["vllm"]
			was, err := action.Capture(t.Context(), "main", vllmOff)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = action.Do(t.Context(), "main", vllmOff)
			took := time.Since(began)
			clean := len(m.GPUs[1].Holders) == 0 && m.Units["vllm.service"].Active != "active"
			if took > action.(fsm.Bounded).Bound("main", vllmOff) {
				t.Errorf("seed %d: it took %s", seed, took)
			}
			if (err == nil) != clean {
				t.Errorf("seed %d: %v, and %+v", seed, err, m.GPUs[1].Holders)
			}
			if err != nil && !strings.Contains(err.Error(), "python3 (4002") {
				t.Errorf("seed %d: nobody is named: %v", seed, err)
			}
			s.Deaf, s.Stubborn = false, false // an admin has looked after it
			if err := action.Undo(t.Context(), "main", was); err != nil {
				t.Errorf("seed %d: undo: %v", seed, err)
			}
			if u := m.Units["vllm.service"]; u.Active != "active" || u.Read != envOne || m.Denied["vllm.service"] || s.Paused {
				t.Errorf("seed %d: it is %s after the undo, paused %v", seed, u.Active, s.Paused)
			}
		})
	}
}
