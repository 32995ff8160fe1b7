package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// locked is a buffer for standard output and standard error at once.
type locked struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// note adds a line of the lab's own.
func (l *locked) note(err error) { fmt.Fprintf(l, "lab: %v\n", err) }

// tee writes to one and shows it to the other.
type tee struct {
	to   io.Writer
	also io.Writer
}

func (t *tee) Write(p []byte) (int, error) {
	_, _ = t.also.Write(p)
	return t.to.Write(p)
}
