package triggers

import (
	"maps"
	"slices"
	"strings"

	"github.com/modectl/moded/pkg/facts"
)

// scene is who has been at the machine's own screens since the mode has
// settled, and with what sound: only what was there can be gone.
type scene struct {
	// audio is true when the mode wants sound.
	audio bool
	// people had a desktop, present have one, by name.
	people  map[string]bool
	present map[uint32]string
	// sounded had PipeWire running, silent have lost it.
	sounded map[uint32]bool
	silent  map[uint32]bool
}

func newScene() scene {
	return scene{people: map[string]bool{}, sounded: map[uint32]bool{}, silent: map[uint32]bool{}}
}

// take looks at the scene. Who cannot be seen is taken to be as before.
func (s *scene) take(people facts.Sessions, audio []facts.AudioUser) {
	if !people.Known() {
		return
	}
	s.present = map[uint32]string{}
	for _, one := range desktops(people) {
		s.present[one.UID] = one.User
		s.people[one.User] = true
	}
	for uid := range s.present {
		s.listen(uid, audio)
	}
}

func (s *scene) listen(uid uint32, audio []facts.AudioUser) {
	i := slices.IndexFunc(audio, func(u facts.AudioUser) bool { return u.UID == uid })
	switch {
	case i >= 0 && !audio[i].Known():
	case i >= 0 && audio[i].Running:
		s.sounded[uid], s.silent[uid] = true, false
	default:
		s.silent[uid] = s.sounded[uid]
	}
}

func (s *scene) userGone() string {
	if s.present == nil || len(s.present) > 0 || len(s.people) == 0 {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(s.people)), ", ") + " has been logged out"
}

func (s *scene) pipewireGone() string {
	if !s.audio {
		return ""
	}
	var gone []string
	for uid, user := range s.present {
		if s.silent[uid] {
			gone = append(gone, user)
		}
	}
	if len(gone) == 0 {
		return ""
	}
	slices.Sort(gone)
	return "PipeWire of " + strings.Join(gone, ", ") + " has been gone"
}

// whyOf says why the trigger's condition holds, or nothing.
func (w *Watcher) whyOf(trigger string) string {
	switch {
	case trigger == UserGone:
		return w.scene.userGone()
	case trigger == PipeWireGone:
		return w.scene.pipewireGone()
	case w.pressure.high:
		return "memory has been short"
	}
	return ""
}
