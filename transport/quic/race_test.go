//go:build race

package quic

import (
	"runtime"
	"testing"
)

// oneProcessor has the rest of a test run on one. Why: goroutines of one testing/synctest
// bubble that receive at the same time from timers which are due, as quic-go's sometimes are,
// share a context of the race detector (Go 1.26), which then ends the process with a failed
// CHECK of its own. It finds races by what happens before what, and needs no second processor.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}
