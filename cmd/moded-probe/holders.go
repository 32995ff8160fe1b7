package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/modectl/moded/internal/probe/look"
	"github.com/modectl/moded/pkg/facts"
)

// holders prints who has a file open. What it found it prints even when some
// processes could not be looked into, which is an error all the same.
func holders(ctx context.Context, out io.Writer, args []string, asJSON bool) error {
	files := args[:0:0]
	for _, arg := range args {
		if arg == "--json" || arg == "-json" { // also behind the command, as in modectl
			asJSON = true
			continue
		}
		files = append(files, arg)
	}
	if len(files) != 1 {
		return errors.New("name one file: moded-probe holders FILE")
	}
	list, err := look.New().Holders(ctx, files[0])
	switch {
	case asJSON && (err == nil || len(list) > 0):
		if list == nil {
			list = []facts.Process{}
		}
		err = errors.Join(err, json.NewEncoder(out).Encode(list))
	case len(list) > 0:
		err = errors.Join(err, table(out, list))
	}
	return err
}

// table prints pid, user, program and unit. All but the pid is clean: see
// facts.Clean.
func table(out io.Writer, list []facts.Process) error {
	w := bufio.NewWriter(out)
	for _, p := range list {
		fmt.Fprintf(w, "%-8d %-12s %-16s %s\n", p.PID, user(p), p.Comm, unit(p))
	}
	return w.Flush()
}

func user(p facts.Process) string {
	if p.User != "" {
		return p.User
	}
	return strconv.FormatUint(uint64(p.UID), 10)
}

func unit(p facts.Process) string {
	switch {
	case p.UserUnit != "":
		return p.UserUnit
	case p.Unit != "":
		return p.Unit
	}
	return "-"
}
