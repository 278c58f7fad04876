package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 9, "how many rounds, of which the median counts")
	batches := flag.Int("batches", 4000, "batches of 64 entries per contestant and round")
	flag.Parse()
	if *rounds < 1 || *batches < 1 {
		fmt.Fprintln(os.Stderr, "core-bench: rounds and batches must be positive")
		os.Exit(2)
	}
	field := contestants()
	if err := run(field, *rounds, *batches); err != nil {
		fmt.Fprintln(os.Stderr, "core-bench:", err)
		os.Exit(1)
	}
	report(os.Stdout, field, *rounds, *batches)
}

// contestant is one way to replicate, and what its rounds measured.
type contestant struct {
	name   string
	make   func() (cluster, error)
	rounds []figures
}

// figures is what one round of a contestant measured.
type figures struct {
	rate    float64 // entries per second
	cpuRate float64 // entries per second of processor time, the collector's included
	allocs  float64 // allocations per entry, the load's included
}

// contestants returns ours first.
func contestants() []*contestant {
	return []*contestant{
		{name: "wraft", make: newWraft},
		{name: "etcd, Ready loop", make: newEtcdReady},
		{name: "etcd, async writes", make: newEtcdAsync},
	}
}

// run measures rounds in which everybody has a turn. The first round warms up
// and does not count.
func run(field []*contestant, rounds, batches int) error {
	for round := range rounds + 1 {
		for turn := range field {
			c := field[(round+turn)%len(field)]
			f, err := measure(c.make, batches)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				c.rounds = append(c.rounds, f)
			}
		}
	}
	return nil
}

// measure replicates batches through a fresh cluster.
func measure(fresh func() (cluster, error), batches int) (figures, error) {
	c, err := fresh()
	if err != nil {
		return figures{}, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, err := processorTime()
	if err != nil {
		return figures{}, err
	}
	begin := time.Now()
	if err := drive(c, batches); err != nil {
		return figures{}, err
	}
	took := time.Since(begin)
	cpuAfter, err := processorTime()
	if err != nil {
		return figures{}, err
	}
	runtime.ReadMemStats(&after)
	entries := float64(batches * batchEntries)
	return figures{
		rate:    entries / took.Seconds(),
		cpuRate: entries / max(cpuAfter-cpu, time.Microsecond).Seconds(),
		allocs:  float64(after.Mallocs-before.Mallocs) / entries,
	}, nil
}

// processorTime returns what this process has used of all processors.
func processorTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// report prints a line per contestant and the line that scripts read.
func report(w io.Writer, field []*contestant, rounds, batches int) {
	fmt.Fprintf(w, "%d replicas in one process, %d rounds of %d batches of %d entries of %d bytes; entries/s\n",
		replicas, rounds, batches, batchEntries, commandBytes)
	fmt.Fprintf(w, "%-20s %10s %10s %10s %14s %13s\n", "", "median", "least", "most", "per CPU second", "allocs/entry")
	for _, c := range field {
		rates := c.sorted(func(f figures) float64 { return f.rate })
		fmt.Fprintf(w, "%-20s %10.0f %10.0f %10.0f %14.0f %13.2f\n", c.name, median(rates), rates[0], rates[len(rates)-1],
			median(c.sorted(func(f figures) float64 { return f.cpuRate })),
			median(c.sorted(func(f figures) float64 { return f.allocs })))
	}
	ours, best := field[0].rate(), 0.0
	for _, c := range field[1:] {
		best = max(best, c.rate())
	}
	fmt.Fprintf(w, "core-bench: wraft=%.0f etcd=%.0f ratio=%.2f\n", ours, best, ours/best)
}

// rate returns the median of entries per second.
func (c *contestant) rate() float64 {
	return median(c.sorted(func(f figures) float64 { return f.rate }))
}

// sorted returns one figure of every round, ascending.
func (c *contestant) sorted(of func(figures) float64) []float64 {
	var values []float64
	for _, f := range c.rounds {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return values
}

// median returns the middle one of sorted, the lower of two.
func median(sorted []float64) float64 { return sorted[(len(sorted)-1)/2] }
