package pipewire

import "strings"

// Class says how much an audio node that runs matters.
type Class string

// Classes of nodes, the strongest sign of "do not interrupt" first.
const (
	Recording  Class = "recording"  // captures, or a JACK client or filter fed by a source
	Production Class = "production" // JACK, filters, DSP, or a known DAW
	Media      Class = "media"      // any other stream
	None       Class = ""           // does not run, or is no stream
)

// Kinds of nodes.
const (
	Playback = "playback"
	Capture  = "capture"
	JACK     = "jack"
)

// daws are programs whose streams are production even through the native or
// the PulseAudio protocol, by the beginning of the binary's name.
var daws = []string{
	"reaper", ".reaper-wrapped", "ardour", "bitwig", "qtractor", "mixbus", "renoise", "zrythm", "carla", "hydrogen", "tracktion",
	"waveform", "non-timeline", "rosegarden", "lmms", "audacity", "seq66", "muse",
}

// kind is what a node is, empty for what is no stream, JACK client or filter:
// devices, drivers, and the level meters of mixers.
func (n node) kind() string {
	p := n.props
	switch {
	case p.MediaCategory.is("Monitor"), p.StreamMonitor.is("true"):
		return ""
	case p.MediaClass.is("Stream/Output/Audio"):
		return Playback
	case p.MediaClass.is("Stream/Input/Audio"):
		return Capture
	case p.MediaClass == "" && p.ClientAPI.is("jack"):
		return JACK
	case n.filter():
		return Playback
	default:
		return ""
	}
}

// filter tells whether a node is a pw_filter, as programs have that speak
// PipeWire's own protocol as they would JACK's. It has ports and no media.class.
func (n node) filter() bool {
	p := n.props
	return p.MediaClass == "" && !p.ClientAPI.is("jack") && !p.NodeDriver.is("true") &&
		(p.MediaType.is("Audio") || p.MediaRole.is("Production") || p.MediaRole.is("DSP"))
}

// classify tells the class of a node of the graph.
func (g *Graph) classify(id uint32) Class {
	n := g.nodes[id]
	kind := n.kind()
	ports := kind == JACK || n.filter()
	switch {
	case n.state != "running", kind == "":
		return None
	case kind == Capture, ports && g.fedBySource(id):
		return Recording
	case ports, n.props.MediaRole.is("Production"), n.props.MediaRole.is("DSP"), isDAW(g.owner(n).AppBinary):
		return Production
	default:
		return Media
	}
}

// fedBySource tells whether a source is linked to the node.
func (g *Graph) fedBySource(id uint32) bool {
	for _, l := range g.links {
		if l.to != id || l.state == "error" || l.state == "unlinked" {
			continue
		}
		class := string(g.nodes[l.from].props.MediaClass)
		if strings.HasPrefix(class, "Audio/Source") || class == "Audio/Duplex" {
			return true
		}
	}
	return false
}

// owner is the client of a node: native and JACK nodes do not name their
// application themselves.
func (g *Graph) owner(n node) props {
	return g.clients[n.props.ClientID.number()]
}

func isDAW(binary text) bool {
	name := strings.ToLower(string(binary))
	for _, daw := range daws {
		if strings.HasPrefix(name, daw) {
			return true
		}
	}
	return false
}
