package plugins

import (
	"runtime"
	"sync/atomic"
)

// blocksPerTurn is how many blocks are copied before others get their turn: some
// tens of microseconds.
const blocksPerTurn = 64

// giveTurn lets everybody else have a turn: goroutines of this process, and threads,
// this process's and the system's, that wait for the processor.
//
// Why: the engine's code cannot be preempted, and between two goroutines that don't stop
// by themselves Go's scheduler waits for 10 ms. The system's lets a thread run for
// milliseconds before one that was woken, so that whoever waits for a disk waits for
// those as well, at every thread that has a hand in it.
func giveTurn() {
	runtime.Gosched()
	if shortSlices() || turns.Add(1)%turnsPerThread == 0 {
		yieldThread()
	}
}

// turnsPerThread is how many turns of goroutines there are for one of threads, of all
// guests together, where the system's slices are long: less than a millisecond.
//
// Why not one: the system counts the rest of a thread's slice, more than a millisecond, as used
// when it gives its turn away. Beside busy threads, a loop took four to ten times as long.
const turnsPerThread = 8

var turns atomic.Uint64

// shortSlices sees to it that the rest of this thread's slice is little to give away,
// and reports whether it is. A variable so that a test can choose.
var shortSlices = systemShortSlices

// yieldThread lets threads that wait for this processor go first. A variable so that a
// test can count.
var yieldThread = systemYield

// giveWay is giveTurn now and then, while block k of many is worked on.
func giveWay(k int) {
	if k%blocksPerTurn == blocksPerTurn-1 {
		giveTurn()
	}
}
