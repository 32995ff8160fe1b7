package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/modectl/moded/dbus/manager1"
	"github.com/modectl/moded/internal/config"
	"github.com/modectl/moded/internal/doctor"
	"github.com/modectl/moded/internal/version"
)

// checkup is what doctor prints as JSON.
type checkup struct {
	Findings []doctor.Finding `json:"findings"`
}

// doctorLimit is how long all questions on the bus may take together.
const doctorLimit = 20 * time.Second

func (a *app) doctor(ctx context.Context, o doctorOptions) error {
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	h := doctor.Host{On: a.machine(o.root), Version: version.Version, Config: wanted(o)}
	if o.root == "" || a.bus != systemBus {
		a.askBus(ctx, &h)
	} else {
		h.NoBus = errors.New("it is not that machine's")
	}
	r := doctor.Report{Findings: doctor.System(h)}
	if a.json {
		if err := a.printJSON(checkup{r.Findings}); err != nil {
			return err
		}
	} else {
		a.paged(func() {
			a.printFindings(r.Findings)
			a.ui.printf("\n%s", doctorTotal(r))
		})
	}
	if r.Count(doctor.Warning)+r.Count(doctor.Failure) > 0 {
		return silent(exitFailed)
	}
	return nil
}

// wanted reads the configuration as the daemon does.
func wanted(o doctorOptions) doctor.Wanted {
	cfg, err := config.Load(config.Options{Root: o.root, Files: o.config, Trust: o.root == "" && len(o.config) == 0})
	if err != nil {
		first, _, _ := strings.Cut(manager1.CleanLines(err.Error()), "\n")
		return doctor.Wanted{Trouble: first, Denied: denied(o.root + "/etc/moded")}
	}
	w := doctor.WantedOf(cfg.Catalog)
	for _, g := range cfg.GPUs {
		if !cfg.AutoGPUs {
			w.GPUs = append(w.GPUs, g.Name)
		}
	}
	for _, p := range cfg.Warnings {
		w.Warnings = append(w.Warnings, manager1.Clean(p.String(), manager1.MaxLine))
	}
	return w
}

// denied tells whether there is something below a directory that we may not
// read.
func denied(dir string) bool {
	found := false
	_ = fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			found = true
		} else if err == nil && strings.HasSuffix(path, ".toml") && !d.IsDir() {
			f, err := os.Open(dir + "/" + path)
			found = found || errors.Is(err, fs.ErrPermission)
			if err == nil {
				_ = f.Close()
			}
		}
		return nil
	})
	return found
}

// askBus asks the daemon and PID 1; both may be missing.
func (a *app) askBus(ctx context.Context, h *doctor.Host) {
	c, err := a.client()
	if err != nil {
		h.NoBus = err
		return
	}
	b := &pid1{conn: c.Conn(), ctx: ctx, seen: map[string]seenUnit{}}
	h.Has = b.has
	if b.has(pid1Name) {
		h.Units = b.unit
	}
	p, err := c.Properties(ctx)
	if err != nil {
		return
	}
	d := &doctor.Daemon{Properties: p}
	d.Settings, _ = c.Verify(ctx) // not answered is nothing to say
	d.Resources = machine(ctx, c)
	h.Daemon = d
}

// The daemon answers with a look that it has just taken for a second.
const (
	looks   = 3
	lookGap = 1200 * time.Millisecond
)

// machine asks what moded sees, and again while a part of it is unknown: on a busy
// machine a look may come too late, and what is not seen is not missing. It is nil
// when nobody answers.
func machine(ctx context.Context, c *manager1.Client) (seen *manager1.Resources) {
	for n := 1; ; n++ {
		r, err := c.Resources(ctx)
		if err == nil {
			seen = &r
		}
		if err != nil || len(r.Unknown) == 0 || n == looks {
			return seen
		}
		select {
		case <-time.After(lookGap):
		case <-ctx.Done():
			return seen
		}
	}
}
