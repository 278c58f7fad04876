//go:build !linux

package badmodules

import "runtime"

// peakMiB is what the Go runtime has taken from the system, which leaves out the
// memories of machines.
func peakMiB() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys) / (1 << 20)
}
