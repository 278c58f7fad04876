package plugins

import (
	"sync/atomic"
	"testing"
)

// CountThreadTurns counts, until the test ends, how often guests and what is done for
// them offer their thread's turn to others, on a system whose slices are short or not.
func CountThreadTurns(t *testing.T, short bool) (offered func() int64) {
	var n atomic.Int64
	system, slices := yieldThread, shortSlices
	yieldThread = func() { n.Add(1); system() }
	shortSlices = func() bool { return short }
	t.Cleanup(func() { yieldThread, shortSlices = system, slices })
	return n.Load
}
