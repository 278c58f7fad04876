package doctor

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Look reads the limits of this machine.
func Look() Host {
	h := Host{ReceiveBytes: number("/proc/sys/net/core/rmem_max"), SendBytes: number("/proc/sys/net/core/wmem_max")}
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		h.Files = files.Cur
	}
	return h
}

// number reads a file that holds one, 0 when it does not.
func number(path string) uint64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n
}
