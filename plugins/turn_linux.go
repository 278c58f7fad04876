package plugins

import "syscall"

// systemYield puts the thread behind those that wait for its processor. It takes less
// than a microsecond if there are none.
//
// Why a call that the runtime knows of and no raw one: while the thread waits for its
// next turn, others may have its goroutines' processor, and the world may stop.
func systemYield() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
