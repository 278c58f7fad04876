//go:build !linux

package child

import "syscall"

// diesWithParent is a service of Linux only.
func diesWithParent() *syscall.SysProcAttr { return nil }
