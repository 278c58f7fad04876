//go:build !linux

package plugins

// systemYield does nothing where package syscall has no such call.
func systemYield() {}
