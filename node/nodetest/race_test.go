//go:build race

package nodetest_test

import "runtime"

// One processor under the race detector. Why: goroutines of one testing/synctest bubble that
// receive at the same time from timers which are due, as quic-go's sometimes are, share a
// context of the race detector (Go 1.26), which then ends the process with a failed CHECK of
// its own. It finds races by what happens before what, and needs no second processor for that.
func init() { runtime.GOMAXPROCS(1) }
