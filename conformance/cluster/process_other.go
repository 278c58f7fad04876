//go:build !linux

package cluster

import "syscall"

// diesWithParent is a service of Linux only.
func diesWithParent() *syscall.SysProcAttr { return nil }
