package serve

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// commands is what REAPER's web interface is asked, in one request: its main.js
// joins commands with semicolons. The number of tracks comes last, so that an
// answer that was cut off does not pass for one with fewer armed tracks.
const commands = "TRANSPORT;TRACK;NTRACK"

// maxProject bounds an answer, in bytes; a track has about a hundred.
const maxProject = 4 << 20

// flagArmed is the bit of a track's flags that says armed for recording.
const flagArmed = 64

// playStates are the values of playstate.
var playStates = map[string]string{
	"0": "stopped", "1": "playing", "2": "paused", "5": "recording", "6": "record-paused",
}

var errNotREAPER = errors.New("does not answer as REAPER does")

// project is what REAPER says of the project that is open.
type project struct {
	state string
	// tracks are those listed, without the master; count how many there are.
	tracks, count, armed int
}

// readProject reads the answer to commands: lines of fields with tabs between
// them, each beginning with its command. What is not exactly that is not
// REAPER's.
func readProject(r io.Reader) (project, error) {
	p := project{count: -1}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if !p.line(strings.Split(strings.TrimSuffix(lines.Text(), "\r"), "\t")) {
			return project{}, errNotREAPER
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return project{}, errNotREAPER
	case err != nil:
		return project{}, err
	case p.state == "" || p.count < 0 || p.tracks < p.count:
		return project{}, errNotREAPER
	}
	return p, nil
}

func (p *project) line(fields []string) bool {
	switch {
	case len(fields) == 1:
		return fields[0] == ""
	case fields[0] == "TRANSPORT" && p.state == "":
		p.state = playStates[fields[1]]
		return p.state != ""
	case fields[0] == "TRACK" && len(fields) > 4:
		return p.track(fields[1], fields[3])
	case fields[0] == "NTRACK" && len(fields) == 2 && p.count < 0:
		count, err := strconv.ParseUint(fields[1], 10, 16)
		p.count = int(count)
		return err == nil
	}
	return false
}

// track reads a track by its number, 0 for the master, and its flags.
func (p *project) track(number, flags string) bool {
	n, err := strconv.ParseUint(number, 10, 16)
	bits, err2 := strconv.ParseUint(flags, 10, 32)
	if err != nil || err2 != nil {
		return false
	}
	if n > 0 {
		p.tracks++
	}
	if bits&flagArmed != 0 {
		p.armed++
	}
	return true
}
