//go:build unix

package compileworker

import "syscall"

// niceness lets whoever serves requests go first.
const niceness = 10

// limitSelf sets resource limits on this process. The hard limit of processor time
// is a second above the other one, whose signal ends a Go program with a message.
func limitSelf(l Limits) error {
	cpu := l.cpuSeconds()
	if err := lower(syscall.RLIMIT_CPU, cpu, cpu+1); err != nil {
		return err
	}
	if err := lower(syscall.RLIMIT_CORE, 0, 0); err != nil {
		return err
	}
	if err := limitData(l); err != nil {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
}
