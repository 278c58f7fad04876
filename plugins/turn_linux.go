package plugins

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// threadSlice is how long the system lets a thread of guests run before it looks at
// who else waits: as long as a slice of fuel lasts, and the least that it grants
// (sched_setattr(2), Linux 6.12 and later). It changes no thread's share of the processor.
const threadSlice = 100 * time.Microsecond

// slicesRefused remembers that this system has no slices to be set, or does not let
// this process set them.
var slicesRefused atomic.Bool

// systemShortSlices gives the calling thread slices of threadSlice, unless it has them,
// and reports whether it has. A thread keeps them when it is done with guests.
//
// Why it looks each time: a guest's goroutine changes threads at any turn.
func systemShortSlices() bool {
	if slicesRefused.Load() {
		return false
	}
	if a, err := unix.SchedGetAttr(0, 0); err == nil && a.Runtime == uint64(threadSlice) {
		return true
	}
	if !shortenSlices() {
		slicesRefused.Store(true)
		return false
	}
	return true
}

// shortenSlices sets the calling thread's slices and leaves its policy and niceness as
// they are. It reports whether that had an effect: older systems take the wish and forget it.
func shortenSlices() bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL && a.Policy != unix.SCHED_BATCH {
		return false // a real-time thread's runtime is something else
	}
	a.Runtime = uint64(threadSlice)
	if err := unix.SchedSetAttr(0, a, 0); err != nil {
		return false
	}
	a, err = unix.SchedGetAttr(0, 0)
	return err == nil && a.Runtime == uint64(threadSlice)
}

// systemYield puts the thread behind those that wait for its processor. It takes less
// than a microsecond if there are none.
//
// Why a call that the runtime knows of and no raw one: while the thread waits for its
// next turn, others may have its goroutines' processor, and the world may stop.
func systemYield() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
