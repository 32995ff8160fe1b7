package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// driver is where NVIDIA's driver shows its GPUs, and where the lab does.
const driver = "/proc/driver/nvidia/gpus"

// card is a GPU as CUDA knows it.
type card struct{ uuid, node string }

// cards lists the GPUs in the order of their addresses.
func cards(dir string) []card {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "information")) // none is no GPU
	slices.Sort(files)
	var all []card
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var c card
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); key {
			case "GPU UUID":
				c.uuid = value
			case "Device Minor":
				c.node = "/dev/nvidia" + value
			}
		}
		all = append(all, c)
	}
	return all
}

// visible are the GPUs that CUDA shows with that environment: all without the
// variable, none with an empty one, and none of those that come after a name
// which it does not know.
func visible(all []card, lookup func(string) (string, bool)) []card {
	list, limited := lookup("CUDA_VISIBLE_DEVICES")
	if !limited {
		return all
	}
	var shown []card
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(c card) bool { return name != "" && strings.HasPrefix(c.uuid, name) })
		if i < 0 {
			break
		}
		shown = append(shown, all[i])
	}
	return shown
}

// hold opens the GPUs as CUDA does, for as long as the process lives.
func hold(shown []card) ([]*os.File, error) {
	if len(shown) == 0 {
		return nil, nil
	}
	nodes := []string{"/dev/nvidia-uvm"}
	for _, c := range shown {
		nodes = append(nodes, c.node)
	}
	var held []*os.File
	for _, node := range nodes {
		f, err := os.OpenFile(node, os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("cannot open a GPU: %w", err)
		}
		held = append(held, f)
	}
	return held, nil
}
