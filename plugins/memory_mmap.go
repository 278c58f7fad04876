//go:build linux || darwin || freebsd || netbsd || openbsd

package plugins

import "syscall"

// reserve takes address space from the system; pages cost memory only once
// they are touched. If the system refuses (a limit on address space), nothing
// is reserved and the guest cannot start.
func reserve(n int) []byte {
	if n == 0 {
		return nil
	}
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return b
}

func release(b []byte) {
	if len(b) > 0 {
		_ = syscall.Munmap(b) // fails only for a range that was never mapped
	}
}
