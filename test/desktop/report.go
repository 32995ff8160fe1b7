package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// result is how a check went.
type result struct {
	Face    string   `json:"face"`
	Check   string   `json:"check"`
	Pass    bool     `json:"pass"`
	Notes   []string `json:"notes,omitempty"`
	Error   string   `json:"error,omitempty"`
	Seconds float64  `json:"seconds"`
}

// print says it in a line, and below it why it failed.
func (r result) print() {
	word := "FAIL"
	if r.Pass {
		word = "PASS"
	}
	notes := ""
	if len(r.Notes) > 0 {
		notes = " (" + strings.Join(r.Notes, ", ") + ")"
	}
	fmt.Printf("%-7s %s  %s%s\n", r.Face, word, r.Check, notes)
	if r.Error != "" {
		fmt.Println("    " + strings.ReplaceAll(strings.TrimSpace(r.Error), "\n", "\n    "))
	}
}

// failed is the result of a face of which nothing is known.
func failed(face, check string, err error) result {
	return result{Face: face, Check: check, Error: err.Error()}
}

// writeJSON writes a file that people read too.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// finish writes the report and the summary.
func finish(path string, results []result, took time.Duration) (bool, error) {
	passed := 0
	for _, r := range results {
		if r.Pass {
			passed++
		}
	}
	if err := writeJSON(path, results); err != nil {
		return false, err
	}
	fmt.Printf("%d passed, %d failed (%s, %s)\n", passed, len(results)-passed, took.Round(time.Second), path)
	return passed > 0 && passed == len(results), nil
}
