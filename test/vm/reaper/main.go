// Command reaper stands in for REAPER's web interface in the VM lab. Installed
// as a file named reaper it has that name as its comm, too.
//
//	GET /_/TRANSPORT;TRACK       as REAPER answers, see its main.js
//	GET /set?play=5&armed=2      record, with two tracks armed
//	GET /set?play=0&armed=0      stop
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address")
	play := flag.Int("play", 0, "0 stopped, 1 playing, 2 paused, 5 recording, 6 record paused")
	armed := flag.Int("armed", 0, "how many tracks are armed for recording")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*listen, handler(&project{play: *play, armed: *armed})))
}

// project is what is open in REAPER.
type project struct {
	mu          sync.Mutex
	play, armed int
}

// tracks is how many a project has besides the master track.
const tracks = 4

func handler(p *project) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /set", p.set)
	mux.HandleFunc("GET /_/{commands}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for command := range strings.SplitSeq(r.PathValue("commands"), ";") {
			p.answer(w, command)
		}
	})
	return mux
}

func (p *project) set(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	play, armed := p.play, p.armed
	for key, values := range r.URL.Query() {
		n, err := strconv.Atoi(values[0])
		switch {
		case err == nil && key == "play" && slices.Contains([]int{0, 1, 2, 5, 6}, n):
			play = n
		case err == nil && key == "armed" && n >= 0 && n <= tracks:
			armed = n
		default:
			http.Error(w, "play=0|1|2|5|6 and armed=0 to 4", http.StatusBadRequest)
			return
		}
	}
	p.play, p.armed = play, armed
	fmt.Fprintf(w, "play=%d armed=%d\n", p.play, p.armed)
}

// answer writes the lines of one command; REAPER says nothing to one that it
// does not know.
func (p *project) answer(w io.Writer, command string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch command {
	case "TRANSPORT":
		fmt.Fprintf(w, "TRANSPORT\t%d\t12.500000\t0\t0:12.500\t7.2.00\n", p.play)
	case "NTRACK":
		fmt.Fprintf(w, "NTRACK\t%d\n", tracks)
	case "TRACK":
		fmt.Fprintf(w, "TRACK\t0\tMASTER\t%d\t1.000000\t0.000000\t-1500\t0\t1.000000\t5\t0\t0\t1\t0\n", 512|1024)
		for i := range tracks {
			flags := 512 | 1024
			if i < p.armed {
				flags |= 64 | 128
			}
			fmt.Fprintf(w, "TRACK\t%d\tTake %d\t%d\t1.000000\t0.000000\t-1500\t0\t1.000000\t5\t0\t0\t0\t0\n", i+1, i+1, flags)
		}
	}
}
