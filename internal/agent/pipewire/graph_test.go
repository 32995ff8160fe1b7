package pipewire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modectl/moded/internal/agent/pipewire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func load(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// read applies all documents of a text.
func read(t testing.TB, text string) *pipewire.Graph {
	t.Helper()
	g, d := new(pipewire.Graph), json.NewDecoder(strings.NewReader(text))
	for {
		switch err := g.ReadDocument(d, noon); {
		case errors.Is(err, io.EOF):
			return g
		case err != nil:
			t.Fatal(err)
		}
	}
}

// short is a Summary as a line.
func short(s pipewire.Summary) string {
	var nodes []string
	for _, n := range s.Nodes {
		nodes = append(nodes, fmt.Sprintf("%s/%s/%s/%s/%d", n.Kind, n.Class, n.State, n.Client, n.PID))
	}
	return fmt.Sprintf("rec=%d prod=%d media=%d total=%d jack=%v q=%d/%d %s",
		s.Recording, s.Production, s.Media, s.Total, s.Clients, s.Quantum, s.Rate, strings.Join(nodes, " "))
}

func TestDumpsOfARealPipeWire(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"idle.json": "rec=0 prod=0 media=0 total=0 jack=[] q=1024/48000 ",
		"playing.json": "rec=0 prod=1 media=2 total=3 jack=[metro] q=1024/48000 " +
			"jack/production/running/metro/23235 playback/media/running/pw-cat/23233 playback/media/running/paplay/23234",
		"jack-unlinked.json": "rec=0 prod=1 media=0 total=1 jack=[metro] q=1024/48000 jack/production/running/metro/23235",
		"recording.json":     "rec=1 prod=0 media=0 total=1 jack=[] q=1024/48000 capture/recording/running/pw-cat/24088",
	} {
		s := read(t, string(load(t, file))).Summary()
		if got := short(s); got != want {
			t.Errorf("%s:\n got %s\nwant %s", file, got, want)
		}
		if !s.Settings || s.ForcedQuantum != 0 || s.IdleSince.IsZero() != (s.Running() > 0) {
			t.Errorf("%s: settings %v, forced %d, idle since %v", file, s.Settings, s.ForcedQuantum, s.IdleSince)
		}
	}
}

func TestStreamOf43DocumentsAtEachTurn(t *testing.T) {
	t.Parallel()
	at := map[int]string{ // after document …
		1:  "0 0 0 of 0",
		3:  "0 0 0 of 1", // the JACK client has its node, suspended
		5:  "0 1 0 of 1", // and is activated
		11: "0 1 1 of 3", // pw-play runs, paplay is there
		16: "0 1 2 of 3", // paplay runs
		21: "0 1 2 of 3", // pw-dump and jack_lsp came and went with the same id
		26: "0 1 1 of 2", // paplay's node is gone
		32: "0 1 0 of 1",
		36: "0 1 0 of 1",
		38: "0 0 0 of 0",
		43: "0 0 0 of 0",
	}
	var g pipewire.Graph
	d := json.NewDecoder(strings.NewReader(string(load(t, "monitor.stream.json"))))
	documents := 0
	for ; ; documents++ {
		now := noon.Add(time.Duration(documents+1) * time.Second)
		if err := g.ReadDocument(d, now); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		s := g.Summary()
		got := fmt.Sprintf("%d %d %d of %d", s.Recording, s.Production, s.Media, s.Total)
		if want, ok := at[documents+1]; ok && got != want {
			t.Errorf("after document %d: %s, want %s", documents+1, got, want)
		}
	}
	if documents != 43 {
		t.Errorf("%d documents, want 43", documents)
	}
	if since := g.Summary().IdleSince; !since.Equal(noon.Add(38 * time.Second)) {
		t.Errorf("idle since %v, want that of document 38", since)
	}
}

// Objects as pw-dump prints them, by hand.
func client(id int, props string) string {
	return fmt.Sprintf(`{"id":%d,"type":"PipeWire:Interface:Client","version":3,"info":{"change-mask":["props"],"props":{%s}}}`, id, props)
}

func node(id int, state, props string) string {
	return fmt.Sprintf(`{"id":%d,"type":"PipeWire:Interface:Node","info":{"state":%q,"error":null,"props":{%s},"params":{"x":[{}]}}}`, id, state, props)
}

func link(id, from, to int, state string) string {
	return fmt.Sprintf(`{"id":%d,"type":"PipeWire:Interface:Link","info":{"output-node-id":%d,"input-node-id":%d,"state":%q,"props":{}}}`, id, from, to, state)
}

func doc(objects ...string) string { return "[" + strings.Join(objects, ",") + "]\n" }

func TestTrapsOfTheFormat(t *testing.T) {
	t.Parallel()
	const jack = `"client.api":"jack","client.id":10,"node.name":"n"`
	for name, c := range map[string]struct{ stream, want string }{
		"bare values are text": {
			doc(client(10, `"application.name":48000,"application.process.id":"77","application.process.binary":null`),
				node(11, "running", `"client.id":"10","media.class":"Stream/Output/Audio","node.name":true`)),
			"rec=0 prod=0 media=1 total=1 jack=[] q=0/0 playback/media/running/48000/77",
		},
		"an id that is used again loses what it was": {
			doc(client(10, ``), node(11, "running", jack)) + doc(client(11, `"application.name":"other"`)),
			"rec=0 prod=0 media=0 total=0 jack=[] q=0/0 ",
		},
		"removal by info null": {
			doc(node(11, "running", jack)) + doc(`{"id":11,"info":null}`),
			"rec=0 prod=0 media=0 total=0 jack=[] q=0/0 ",
		},
		"removal by props null": {
			doc(node(11, "running", jack)) + doc(`{"id":11,"props":null}`),
			"rec=0 prod=0 media=0 total=0 jack=[] q=0/0 ",
		},
		"a JACK client fed by a source records": {
			doc(client(10, ``), node(11, "running", jack), node(12, "running", `"media.class":"Audio/Source"`), link(13, 12, 11, "active")),
			"rec=1 prod=0 media=0 total=1 jack=[n] q=0/0 jack/recording/running/n/0",
		},
		"a JACK client fed by a sink's monitor does not": {
			doc(client(10, ``), node(11, "running", jack), node(12, "running", `"media.class":"Audio/Sink"`), link(13, 12, 11, "active")),
			"rec=0 prod=1 media=0 total=1 jack=[n] q=0/0 jack/production/running/n/0",
		},
		"a filter that runs is production": {
			doc(client(10, `"application.name":"DAW","pipewire.sec.pid":5`), node(11, "running", `"client.id":10,"media.role":"DSP"`),
				node(14, "idle", `"client.id":10,"media.type":"Audio"`)),
			"rec=0 prod=1 media=0 total=2 jack=[] q=0/0 playback/production/running/DAW/5 playback//idle/DAW/5",
		},
		"a filter fed by a source records": {
			doc(client(10, `"application.name":"DAW","pipewire.sec.pid":5`), node(11, "running", `"client.id":10,"media.type":"Audio"`),
				node(12, "running", `"media.class":"Audio/Source"`), link(13, 12, 11, "active")),
			"rec=1 prod=0 media=0 total=1 jack=[] q=0/0 playback/recording/running/DAW/5",
		},
		"a DAW through the native protocol is production": {
			doc(client(10, `"application.process.binary":"reaper","application.name":"REAPER","pipewire.sec.pid":5`),
				node(11, "running", `"client.id":10,"media.class":"Stream/Output/Audio"`)),
			"rec=0 prod=1 media=0 total=1 jack=[] q=0/0 playback/production/running/REAPER/5",
		},
		"the kernel's pid wins over the application's": {
			doc(client(10, `"application.process.id":2,"pipewire.sec.pid":4711,"application.name":"sandboxed"`),
				node(11, "running", `"client.id":10,"media.class":"Stream/Output/Audio"`)),
			"rec=0 prod=0 media=1 total=1 jack=[] q=0/0 playback/media/running/sandboxed/4711",
		},
		"a paused stream is listed and not counted": {
			doc(node(11, "idle", `"media.class":"Stream/Output/Audio","node.name":"p"`)),
			"rec=0 prod=0 media=0 total=1 jack=[] q=0/0 playback//idle/p/0",
		},
		"drivers, devices, meters and cameras are ignored": {
			doc(node(1, "running", `"node.name":"Dummy-Driver","node.driver":true,"media.type":"Audio"`), node(7, "running", `"media.class":"Midi/Bridge"`), node(2, "running", `"media.class":"Audio/Sink"`),
				node(3, "running", `"media.class":"Audio/Source"`), node(4, "running", `"media.class":"Stream/Input/Audio","stream.monitor":true`),
				node(5, "running", `"media.class":"Stream/Input/Audio","media.category":"Monitor"`), node(6, "running", `"media.class":"Stream/Input/Video"`)),
			"rec=0 prod=0 media=0 total=0 jack=[] q=0/0 ",
		},
		"metadata comes as what changed": {
			doc(`{"id":29,"type":"PipeWire:Interface:Metadata","props":{"metadata.name":"settings"},"metadata":[
				{"subject":0,"key":"clock.quantum","type":"","value":1024},{"subject":0,"key":"clock.rate","value":"48000"}]}`) +
				doc(`{"id":29,"type":"PipeWire:Interface:Metadata","props":{"metadata.name":"settings"},"metadata":[
				{"subject":0,"key":"clock.force-quantum","type":"","value":64}]}`),
			"rec=0 prod=0 media=0 total=0 jack=[] q=64/48000 ",
		},
		"metadata of another name is not settings": {
			doc(`{"id":29,"type":"PipeWire:Interface:Metadata","props":{"metadata.name":"default"},"metadata":[
				{"subject":0,"key":"clock.quantum","value":1024}]}`),
			"rec=0 prod=0 media=0 total=0 jack=[] q=0/0 ",
		},
		"names are cleaned": {
			doc(node(11, "running", `"media.class":"Stream/Output/Audio","node.name":"a\u001b[31m\nb`+strings.Repeat("x", 100)+`"`)),
			"rec=0 prod=0 media=1 total=1 jack=[] q=0/0 playback/media/running/a[31mb" + strings.Repeat("x", 58) + "/0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := short(read(t, c.stream).Summary()); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAtMost64NodesTheStrongestFirst(t *testing.T) {
	t.Parallel()
	var objects []string
	for id := range 100 {
		objects = append(objects, node(id, "running", `"media.class":"Stream/Output/Audio"`))
	}
	objects = append(objects, node(500, "running", `"media.class":"Stream/Input/Audio"`))
	s := read(t, doc(objects...)).Summary()
	if s.Total != 101 || s.Media != 100 || len(s.Nodes) != pipewire.MaxNodes || s.Nodes[0].Class != pipewire.Recording {
		t.Errorf("total %d, media %d, %d nodes, first %v", s.Total, s.Media, len(s.Nodes), s.Nodes[0])
	}
}

func TestARemovedSettingIsAmbiguous(t *testing.T) {
	t.Parallel()
	const settings = `{"id":29,"type":"PipeWire:Interface:Metadata","props":{"metadata.name":"settings"},"metadata":[]}`
	var g pipewire.Graph
	d := json.NewDecoder(strings.NewReader(doc(settings) + doc(settings)))
	first, second := g.ReadDocument(d, noon), g.ReadDocument(d, noon)
	if first != nil || !errors.Is(second, pipewire.ErrAmbiguous) {
		t.Errorf("%v, then %v; want nil, then ErrAmbiguous", first, second)
	}
}

func TestATornStreamIsNoCleanEnd(t *testing.T) {
	t.Parallel()
	whole := string(load(t, "idle.json"))
	for _, text := range []string{whole[:len(whole)/2], "[", `[{"id":1}`, `{"id":1}`, "]", `[{"id":"x"}]`, "nonsense"} {
		var g pipewire.Graph
		err := g.ReadDocument(json.NewDecoder(strings.NewReader(text)), noon)
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzGraph(f *testing.F) {
	for _, name := range []string{"jack-unlinked.json", "recording.json", "pipewire-1.4/native+pulse.json", "pipewire-1.4/corked.json"} {
		f.Add(load(f, name))
	}
	f.Add([]byte(doc(client(1, `"application.name":{"a":[1]}`), node(2, "running", `"client.id":1,"client.api":"jack"`), link(3, 9, 2, "")) + doc(`{"id":2,"info":null}`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var g pipewire.Graph
		d := json.NewDecoder(strings.NewReader(string(raw)))
		for g.ReadDocument(d, noon) == nil {
			s := g.Summary()
			if len(s.Nodes) > pipewire.MaxNodes || s.Running() > s.Total || (s.Running() > 0) != s.IdleSince.IsZero() {
				t.Fatalf("impossible summary %+v", s)
			}
			if !s.Equal(g.Summary()) || !slices.IsSorted(s.Clients) {
				t.Fatalf("two summaries of one graph differ: %+v", s)
			}
		}
	})
}
