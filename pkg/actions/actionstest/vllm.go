package actionstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/modectl/moded/pkg/actions"
)

// Server is what makes a unit an inference server. While the unit is up, a
// process of it holds the GPUs that CUDA would show it.
type Server struct {
	URL   string
	Model string
	// Loads is how long it takes until it is ready, Never that it never is.
	Loads time.Duration
	Never bool
	// Running and Waiting are its requests; those that run end at Ends, if that
	// is set. Mute does not tell how many.
	Running, Waiting int
	Ends             time.Time
	Mute             bool
	// Pauses is whether it can be paused, Paused whether it is.
	Pauses, Paused bool
	// Service is what PID 1 knows of the unit.
	Service actions.Service
	// Leaves lets its process outlive the unit's stop, Stubborn also SIGKILL;
	// Strays is the unit that the process then is in, another one than its own.
	Leaves, Stubborn bool
	Strays           string
	// Deaf lets it ignore SIGTERM: a stop does not end by itself.
	Deaf bool
	// Takes is a GPU that it opens whatever it is given.
	Takes string
	// Asked counts looks.
	Asked int

	readyAt time.Time
	pid     uint32
}

// Serve makes the unit an inference server.
func (u *Unit) Serve(s Server) *Server {
	u.Server = &s
	u.EnvironmentFiles = []string{EnvDir + "/" + u.ID}
	if s.Service.KillMode == "" {
		u.Server.Service.KillMode = "control-group"
	}
	return u.Server
}

// open lets the server's process open its GPUs: all without a list, none with
// an empty one, and none of those behind a name that it does not know.
func (m *Machine) open(u *Unit) {
	s := u.Server
	m.starts++
	s.pid, s.readyAt, s.Paused = uint32(4000+m.starts), time.Now().Add(s.Loads), false
	visible, limited := "", false
	for line := range strings.Lines(u.Read) {
		if list, is := strings.CutPrefix(strings.TrimSpace(line), "CUDA_VISIBLE_DEVICES="); is {
			visible, limited = strings.Trim(list, `"`), true
		}
	}
	var shown []string
	for name := range strings.SplitSeq(visible, ",") {
		if !slices.ContainsFunc(m.GPUs, func(d actions.Device) bool { return d.UUID == name }) {
			break
		}
		shown = append(shown, name)
	}
	for i, d := range m.GPUs {
		if !limited || slices.Contains(shown, d.UUID) || s.Takes == d.PCI {
			m.GPUs[i].Holders = append(m.GPUs[i].Holders,
				actions.DeviceHolder{PID: s.pid, Comm: "python3", User: "ai", Unit: u.ID, Compute: true})
		}
	}
}

// shut lets the server's process go, unless it stays.
func (m *Machine) shut(u *Unit) {
	s := u.Server
	if !s.Leaves {
		m.release(func(h actions.DeviceHolder) bool { return h.PID == s.pid })
		s.pid = 0
		return
	}
	for i := range m.GPUs {
		for j := range m.GPUs[i].Holders {
			if h := &m.GPUs[i].Holders[j]; h.PID == s.pid && s.Strays != "" {
				h.Unit = s.Strays
			}
		}
	}
}

type serviceHands struct{ m *Machine }

func (h serviceHands) Service(_ context.Context, name string) (actions.Service, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	u, err := h.m.find(name)
	if err != nil || u.Server == nil {
		return actions.Service{KillMode: "control-group"}, err
	}
	return u.Server.Service, nil
}

func (h serviceHands) Processes(_ context.Context, name string) ([]actions.Process, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	u, err := h.m.find(name)
	if err == nil && len(u.Left) > 0 && u.Active != "active" {
		return slices.Clone(u.Left), nil
	}
	if err != nil || u.Server == nil || u.Server.pid == 0 || u.Server.Strays != "" && u.Active != "active" {
		return nil, err
	}
	return []actions.Process{{PID: u.Server.pid, Comm: "python3"}}, nil
}

func (h serviceHands) KillAll(_ context.Context, name string) error {
	return h.m.effect(func() error {
		u, err := h.m.find(name)
		if err != nil || u.Server == nil || u.Server.Stubborn || u.Server.Strays != "" {
			return err
		}
		u.Active = "inactive"
		h.m.release(func(d actions.DeviceHolder) bool { return d.PID == u.Server.pid })
		u.Server.pid = 0
		return nil
	})
}

type serverHands struct{ m *Machine }

// serving finds the server at a URL.
func (m *Machine) serving(url string) *Unit {
	for _, u := range m.Units {
		if u.Server != nil && u.Server.URL == url && u.Active == "active" {
			return u
		}
	}
	return nil
}

func (h serverHands) Server(_ context.Context, url string) (actions.Server, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	u := h.m.serving(url)
	if u == nil || u.Server.Never || time.Now().Before(u.Server.readyAt) {
		return actions.Server{Problem: "connection refused", Unlisted: "connection refused",
			Uncounted: "connection refused", Absent: true}, nil
	}
	s := u.Server
	s.Asked++
	if !s.Ends.IsZero() && time.Now().After(s.Ends) {
		s.Running = 0
	}
	out := actions.Server{Models: []string{s.Model}, Running: s.Running, Waiting: s.Waiting}
	if s.Mute {
		out.Running, out.Waiting, out.Uncounted = 0, 0, "no metrics"
	}
	if s.Pauses {
		paused := s.Paused
		out.Paused = &paused
	}
	return out, nil
}

func (h serverHands) Pause(_ context.Context, url string, pause bool) error {
	return h.m.effect(func() error {
		u := h.m.serving(url)
		if u == nil || !u.Server.Pauses {
			return errors.New("it answers 404 Not Found")
		}
		u.Server.Paused = pause
		return nil
	})
}
