package compileworker

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// dataFactor is how much more data than resident memory a worker may claim: the Go
// runtime reserves in large pieces, of which it touches few. RLIMIT_AS would not
// do, since the runtime reserves address space without meaning to use it.
const dataFactor = 2

func limitData(l Limits) error {
	n := uint64(l.MemoryBytes) * dataFactor
	return lower(syscall.RLIMIT_DATA, n, n)
}

func lower(resource int, soft, hard uint64) error {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(resource, &was); err != nil {
		return err
	}
	hard = min(hard, was.Max)
	return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: min(soft, hard), Max: hard})
}

// residentBytes is the resident memory of a process, 0 when it is not known.
func residentBytes(pid int) int64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(statm), " ")
	var pages int64
	if _, err := fmt.Sscan(after, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
