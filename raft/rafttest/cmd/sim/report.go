package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/wraft/wraft/raft/rafttest/sim"
)

// finish keeps what failed and prints the summary; it returns the exit code.
func (o *options) finish(out io.Writer, results []sim.Result, took time.Duration) (int, error) {
	for _, r := range results {
		if r.Violation == nil {
			continue
		}
		if err := o.keep(out, r); err != nil {
			return 0, err
		}
	}
	return report(out, results, took), nil
}

// keep writes a failing run to a file and says how to run it again.
func (o *options) keep(out io.Writer, r sim.Result) error {
	fmt.Fprintln(out, r.Violation)
	if o.artefacts == "" {
		dir, err := os.MkdirTemp("", "wraft-sim-")
		if err != nil {
			return fmt.Errorf("sim: where to keep failing runs: %w", err)
		}
		o.artefacts = dir
	}
	path, err := r.Artefact(commit()).Write(o.artefacts)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  repeat with: go run ./raft/rafttest/cmd/sim -replay %s -trace\n", path)
	if !o.shrink {
		return nil
	}
	return o.shrinkRun(out, r)
}

// shrinkRun shrinks a failing run and keeps what is left of it.
func (o options) shrinkRun(out io.Writer, r sim.Result) error {
	deadline := time.Now().Add(o.budget)
	small, err := sim.Shrink(sim.Options{Scenario: &r.Scenario}, func() bool { return time.Now().Before(deadline) })
	if err != nil {
		fmt.Fprintf(out, "  not shrunk: %v\n", err)
		return nil
	}
	path, err := small.Artefact(commit()).Write(o.artefacts)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  shrunk in %d runs from %v to %v: %v\n", small.Runs, &r.Scenario, &small.Scenario, small.Violation)
	fmt.Fprintf(out, "  repeat with: go run ./raft/rafttest/cmd/sim -replay %s -trace\n", path)
	return nil
}

// report prints the summary and returns the exit code.
func report(out io.Writer, results []sim.Result, took time.Duration) int {
	faults := map[string]int{}
	violations, calm, events, acked, virtual := 0, 0, 0, 0, time.Duration(0)
	least := -1
	for _, r := range results {
		events += r.Events
		acked += r.Acked
		virtual += r.Virtual
		if least < 0 || r.Acked < least {
			least = r.Acked
		}
		if r.Calm {
			calm++
		}
		for name, n := range r.Faults {
			faults[name] += n
		}
		if r.Violation != nil {
			violations++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(out, "%-26s %d\n", name, faults[name])
	}
	seconds := max(took.Seconds(), 1e-9)
	fmt.Fprintf(out, "%d events, %.0f a second; %d operations answered, %.1f a virtual second, at least %d in a run; %d runs without faults\n",
		events, float64(events)/seconds, acked, float64(acked)/max(virtual.Seconds(), 1), max(least, 0), calm)
	fmt.Fprintf(out, "sim: seeds=%d violations=%d virtual_hours=%.1f realtime_factor=%.0f\n",
		len(results), violations, virtual.Hours(), virtual.Seconds()/seconds)
	if violations > 0 {
		return 1
	}
	return 0
}
