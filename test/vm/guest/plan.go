package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// stepNames reads the names of the steps out of Plan's answer as busctl
// writes it: allowed, verdicts, steps.
func stepNames(text string) ([]string, error) {
	var answer struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Data) != 3 {
		return nil, fmt.Errorf("cannot read the plan: %v: %s", err, text)
	}
	var steps []dict
	if err := json.Unmarshal(answer.Data[2], &steps); err != nil {
		return nil, fmt.Errorf("cannot read the plan's steps: %w", err)
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.text("name"))
	}
	return names, nil
}

// upFor says whether the machine has run for so many seconds.
func (t *T) upFor(seconds float64) error {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return err
	}
	up, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil || up < seconds {
		return fmt.Errorf("up for %.0f s", up)
	}
	return nil
}
