package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/wraft/wraft/raft/rafttest/sim"
)

// catch is the first seed that breaks a promise, and which.
type catch struct {
	Seeds     int // how many were needed, counted from the first; 0: none broke one
	Violation error
}

// hunt runs seeds from first on, at most most of them, until one breaks a promise.
// However many workers run them, the answer is exact: every earlier seed is run to
// its end.
func hunt(run func(seed uint64) error, first uint64, most, workers int) catch {
	var (
		group sync.WaitGroup
		mu    sync.Mutex // guards next, limit and found
		next  int
		limit = most
		found catch
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next, next <= limit
	}
	for range workers {
		group.Go(func() {
			for n, ok := take(); ok; n, ok = take() {
				err := run(first + uint64(n-1))
				mu.Lock()
				if err != nil && n <= limit {
					limit, found = n-1, catch{Seeds: n, Violation: err}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return found
}

// runSeed plays one seed of the simulator.
func runSeed(seed uint64, virtual time.Duration) error {
	return recovered(func() error { return sim.Run(sim.Options{Seed: seed, Duration: virtual}).Violation })
}

// recovered returns a panic as an error: a core that notices that its own state is
// broken panics, which is as good as a broken promise.
func recovered(run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return run()
}
