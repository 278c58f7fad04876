package child

import "syscall"

// diesWithParent lets the kernel end the process when its parent dies without
// having ended it, as a test binary does that runs out of time.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
