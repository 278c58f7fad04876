package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/wraft/wraft/raft/rafttest/sim"
)

// twiceEvery is how often a run is repeated to see whether it is the same.
const twiceEvery = 50

// runAll runs seeds on all processors, every fiftieth of them twice. The scenarios
// of runs that break nothing are dropped: they would fill the memory.
func (o options) runAll() []sim.Result {
	deadline := time.Now().Add(o.budget)
	var (
		group sync.WaitGroup
		mu    sync.Mutex // guards next and all
		next  int
		all   = map[int]sim.Result{}
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		number := next
		next++
		return number, number < o.seeds && (number == 0 || time.Now().Before(deadline))
	}
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for number, ok := take(); ok; number, ok = take() {
				r := o.runOne(number)
				if r.Violation == nil {
					r.Scenario = sim.Scenario{}
				}
				mu.Lock()
				all[number] = r
				mu.Unlock()
			}
		})
	}
	group.Wait()
	results := make([]sim.Result, 0, len(all))
	for _, number := range slices.Sorted(maps.Keys(all)) {
		results = append(results, all[number])
	}
	return results
}

func (o options) runOne(number int) sim.Result {
	run := sim.Options{Seed: o.seed(number), Duration: o.virtual}
	r := sim.Run(run)
	if number%twiceEvery != twiceEvery-1 || r.Violation != nil {
		return r
	}
	if again := sim.Run(run); again.Hash != r.Hash || again.Events != r.Events {
		r.Violation = fmt.Errorf("sim: seed %d: two runs differ: %x and %x", r.Seed, r.Hash, again.Hash)
	}
	return r
}
