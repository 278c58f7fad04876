//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package plugins

// reserve allocates on the heap where the system has no mmap; the operating
// system still commits pages only when they are touched.
func reserve(n int) []byte { return make([]byte, n) }

func release([]byte) {}
