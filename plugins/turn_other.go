//go:build !linux

package plugins

// systemShortSlices reports that there are none to be had.
func systemShortSlices() bool { return false }

// systemYield does nothing where package syscall has no such call.
func systemYield() {}
