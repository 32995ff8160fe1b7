package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/modectl/moded/internal/atomicfile"
	"github.com/modectl/moded/internal/helper"
	"github.com/modectl/moded/internal/probe/nvml"
	"github.com/modectl/moded/pkg/actions"
)

// apply is moded-gpu.service: it has the order in a file carried out by a child,
// which NVIDIA's library may keep for ever, and leaves a report. Its own success
// is no proof, and moded does not take it for one.
func apply(ctx context.Context, order, report string, deadline time.Duration, argv ...string) error {
	text, err := os.ReadFile(order)
	if err != nil {
		return fmt.Errorf("cannot read what is ordered: %w", err)
	}
	what, err := helper.Decode[actions.GPUOrder](text)
	if err != nil {
		return fmt.Errorf("cannot understand %s: %w", order, err)
	}
	said := carryOut(ctx, deadline, what, text, append(argv, "obey"))
	if err := atomicfile.WriteJSON(report, said); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	var problems []error
	for _, p := range said.Problems {
		problems = append(problems, fmt.Errorf("cannot set %s of %s: %s", p.Setting, what.PCI, p.Problem))
	}
	return errors.Join(problems...)
}

// carryOut waits for the child no longer than the deadline: one that hangs in the
// kernel cannot be killed, and is left to systemd.
func carryOut(ctx context.Context, deadline time.Duration, what actions.GPUOrder, text []byte, argv []string) actions.GPUReport {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	done := make(chan actions.GPUReport, 1)
	go func() {
		text, err := output(ctx, deadline, argv, text)
		report, bad := helper.Decode[actions.GPUReport](text)
		if err == nil && bad != nil {
			err = fmt.Errorf("cannot understand the answer: %w", bad)
		}
		if err != nil {
			report = nvml.Failed(what, err.Error())
		}
		done <- report
	}()
	select {
	case report := <-done:
		return report
	case <-ctx.Done():
	}
	select { // it may have been killed in time
	case report := <-done:
		return report
	case <-time.After(deadline / 10):
		return nvml.Failed(what, fmt.Sprintf("no answer within %v", deadline))
	}
}

// obey is the child.
func obey(in io.Reader, lib nvml.Library) error {
	text, err := io.ReadAll(io.LimitReader(in, maxReport))
	if err != nil {
		return err
	}
	what, err := helper.Decode[actions.GPUOrder](text)
	if err != nil {
		return fmt.Errorf("cannot understand the order: %w", err)
	}
	return print(nvml.Apply(lib, what))
}
