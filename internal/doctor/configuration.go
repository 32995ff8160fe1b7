package doctor

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// Wanted is what the configuration wants of the machine.
type Wanted struct {
	// Trouble says why it cannot be read; Denied that this user may not.
	Trouble  string
	Denied   bool
	Warnings []string
	Modes    []string
	Default  string
	// GPUs are those that it names.
	GPUs  []string
	Units []WantedUnit
}

// WantedUnit is a unit that modes name.
type WantedUnit struct {
	Name, Kind string
	// Modes name it; Down are those that have it off.
	Modes, Down []string
	// Refused are those that cannot be entered without it.
	Refused []string
}

func (w Wanted) orDefault() string { return cmp.Or(w.Default, "MODE") }

// WantedOf reads what modes state. It decodes what it knows, and leaves out the
// rest, as StudioOf does.
func WantedOf(c *fsm.Catalog) Wanted {
	w := Wanted{Default: c.Default()}
	for _, m := range c.Modes() {
		w.Modes = append(w.Modes, m.Name)
		for _, s := range m.Settings {
			w.add(m.Name, s)
		}
	}
	return w
}

func (w *Wanted) add(mode string, s fsm.Setting) {
	var v struct {
		State, Unit, Target string
		Units               []string
	}
	_ = json.Unmarshal([]byte(s.Value), &v) // what is of another shape names no unit
	var names []string
	switch s.Kind {
	case "gui":
		names = v.Units
	case "vllm", "k3s":
		names = []string{v.Unit}
	case "target":
		names = []string{v.Target}
	case "units":
		names = []string{s.Key}
	}
	for _, name := range names {
		u := w.unit(name, s.Kind)
		u.Modes = append(u.Modes, mode)
		if v.State == "off" || v.State == "inactive" {
			u.Down = append(u.Down, mode)
		} else if s.Essential && s.WhenMissing == fsm.Refuse {
			u.Refused = append(u.Refused, mode)
		}
	}
}

func (w *Wanted) unit(name, kind string) *WantedUnit {
	i := slices.IndexFunc(w.Units, func(u WantedUnit) bool { return u.Name == name })
	if i < 0 {
		w.Units, i = append(w.Units, WantedUnit{Name: name, Kind: kind}), len(w.Units)
	}
	return &w.Units[i]
}

func (h *host) checkConfiguration() {
	const check = "modectl config check"
	switch {
	case h.Config.Denied:
		h.tell(unknown("only others may read it").but(h.asRoot(check), Now))
	case h.Config.Trouble != "":
		h.wrong(Failure, "moded would not take it: "+h.Config.Trouble,
			"moded goes on with the last good one, and a fresh start without one has only what is built in", check)
	}
	for _, line := range h.Config.Warnings {
		h.wrong(Warning, line, "", check)
	}
	h.checkStrays()
	h.checkReloaded()
	h.checkKubeconfig()
	h.fineIf("good: modes %s, default %s", strings.Join(h.Config.Modes, ", "), h.Config.Default)
}

// checkStrays names files that look like configuration and are not read.
func (h *host) checkStrays() {
	for _, dir := range []string{"etc/moded", "etc/moded/moded.d"} {
		entries, _ := fs.ReadDir(h.Root, dir) // none, or not ours to see
		for _, e := range entries {
			name := e.Name()
			read := dir == "etc/moded/moded.d" && path.Ext(name) == ".toml" || dir == "etc/moded" && name == "moded.toml"
			if read || e.IsDir() || !strings.Contains(name, "toml") && path.Ext(name) != ".conf" {
				continue
			}
			h.wrong(Warning, "/"+dir+"/"+name+" is not read", "moded reads /etc/moded/moded.toml, and in moded.d what ends in .toml",
				h.asRoot("mv /"+dir+"/"+name+" /etc/moded/moded.d/"+strings.SplitN(name, ".", 2)[0]+".toml"))
		}
	}
}

// checkReloaded compares the modes of the files with the daemon's.
func (h *host) checkReloaded() {
	if h.Daemon == nil || len(h.Config.Modes) == 0 {
		return
	}
	have, want := slices.Clone(h.Daemon.Modes), slices.Clone(h.Config.Modes)
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		h.wrong(Warning, "moded has other modes than the files: "+strings.Join(have, ", ")+"; they have "+strings.Join(want, ", "),
			"the files were changed since moded read them", "modectl reload")
	}
}

// checkKubeconfig looks at the key to the cluster, which nobody else may read.
func (h *host) checkKubeconfig() {
	info, err := fs.Stat(h.Root, "etc/moded/kubeconfig")
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		h.wrong(Warning, "others may read /etc/moded/kubeconfig", "it is a key to the cluster", h.asRoot("chmod 600 /etc/moded/kubeconfig"))
	}
}
