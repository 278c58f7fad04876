// Command sim runs seeds of the core simulator until a number or a time is
// reached and prints a summary whose last line is stable:
//
//	sim: seeds=N violations=0 virtual_hours=H realtime_factor=F
//
// It exits 1 when a promise was broken, with the command that repeats the run.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/wraft/wraft/raft/rafttest/sim"
)

func main() {
	seeds := flag.Int("seeds", 200, "how many seeds to run")
	first := flag.Uint64("first", 1, "the first seed")
	budget := flag.Duration("budget", 40*time.Second, "start no further seed after this time")
	virtual := flag.Duration("virtual", 10*time.Minute, "virtual time of each seed")
	trace := flag.Bool("trace", false, "show the events of the first seed, and run no other")
	flag.Parse()
	if *trace {
		os.Exit(report(os.Stdout, []sim.Result{sim.Run(sim.Options{Seed: *first, Duration: *virtual, Trace: os.Stdout})}, time.Second))
	}
	begin := time.Now()
	results := runAll(*first, *seeds, *budget, *virtual)
	os.Exit(report(os.Stdout, results, time.Since(begin)))
}

// runAll runs seeds on all processors, every fiftieth of them twice.
func runAll(first uint64, seeds int, budget, virtual time.Duration) []sim.Result {
	deadline := time.Now().Add(budget)
	var (
		group sync.WaitGroup
		mu    sync.Mutex // guards next and results
		next  int
		all   []sim.Result
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return first + uint64(next-1), next <= seeds && (next == 1 || time.Now().Before(deadline))
	}
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				r := runOne(seed, virtual)
				mu.Lock()
				all = append(all, r)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.SortFunc(all, func(a, b sim.Result) int { return int(a.Seed) - int(b.Seed) })
	return all
}

func runOne(seed uint64, virtual time.Duration) sim.Result {
	r := sim.Run(sim.Options{Seed: seed, Duration: virtual})
	if seed%50 != 0 || r.Violation != nil {
		return r
	}
	if again := sim.Run(sim.Options{Seed: seed, Duration: virtual}); again.Hash != r.Hash {
		r.Violation = fmt.Errorf("sim: seed %d: two runs differ: %x and %x", seed, r.Hash, again.Hash)
	}
	return r
}

// report prints the summary and returns the exit code.
func report(out io.Writer, results []sim.Result, took time.Duration) int {
	faults := map[string]int{}
	violations, events, acked, virtual := 0, 0, 0, time.Duration(0)
	for _, r := range results {
		events += r.Events
		acked += r.Acked
		virtual += r.Virtual
		for name, n := range r.Faults {
			faults[name] += n
		}
		if r.Violation != nil {
			violations++
			fmt.Fprintf(out, "%v\n  repeat with: go run ./raft/rafttest/cmd/sim -first %d -trace\n", r.Violation, r.Seed)
		}
	}
	names := make([]string, 0, len(faults))
	for name := range faults {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(out, "%-22s %d\n", name, faults[name])
	}
	fmt.Fprintf(out, "%d events, %.0f a second; %d operations acknowledged\n", events, float64(events)/took.Seconds(), acked)
	fmt.Fprintf(out, "sim: seeds=%d violations=%d virtual_hours=%.1f realtime_factor=%.0f\n",
		len(results), violations, virtual.Hours(), virtual.Seconds()/took.Seconds())
	if violations > 0 {
		return 1
	}
	return 0
}
