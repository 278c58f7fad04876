package plugins

import (
	"sync/atomic"
	"testing"
)

// CountThreadTurns counts, until the test ends, how often guests and what is done for
// them offer their thread's turn to others.
func CountThreadTurns(t *testing.T) (offered func() int64) {
	var n atomic.Int64
	system := yieldThread
	yieldThread = func() { n.Add(1); system() }
	t.Cleanup(func() { yieldThread = system })
	return n.Load
}
