//go:build unix && !linux

package compileworker

import "syscall"

// limitData does nothing: a limit on data does not bound what is mapped here.
func limitData(Limits) error { return nil }

// lower sets the soft limit alone. The type of its fields differs from system to
// system.
func lower(resource int, soft, _ uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(resource, &l); err != nil {
		return err
	}
	l.Cur = limitValue(min(soft, uint64(l.Max)))
	return syscall.Setrlimit(resource, &l)
}

// residentBytes is not known here; a worker watches itself.
func residentBytes(int) int64 { return 0 }
