//go:build race

package sim

// A run has one goroutine: the race detector finds nothing and takes its time.
const smokeSeeds = 4
