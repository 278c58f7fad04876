package plugins

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sharing is the file in memory that an instance which is being restored has its pages
// from: the shadow writes to it, and the live guest gets the same pages, which become its
// own one by one as it writes to them. So a page costs memory, and the work of being
// touched for the first time, once and not twice.
//
// Why it is safe that the shadow goes on writing to pages that the live guest may still
// have from the file: it only ever takes over what the guest wrote, in which the guest has
// pages of its own, or what they have in common, which is the same there already.
type sharing struct {
	file  *os.File // nil: nothing is shared
	bytes int      // of the memory, from its beginning
}

// mayShare is false where the system promises no more memory than it has: there a file's
// page that cannot be had is a signal in place of an error.
var mayShare = sync.OnceValue(func() bool {
	policy, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	return err == nil && !bytes.HasPrefix(policy, []byte("2"))
})

// share gives the first n bytes of a shadow's memory, whose content is lost, a file. Where
// the system has none to give, nothing changes. After an error the memory is not to be
// touched any more.
func share(memory []byte, n int) (sharing, error) {
	if !mayShare() || n == 0 {
		return sharing{}, nil
	}
	fd, err := unix.MemfdCreate("wraft-memory", unix.MFD_CLOEXEC)
	if err != nil {
		return sharing{}, nil //nolint:nilerr // Why: there are systems without, which copy
	}
	s := sharing{file: os.NewFile(uintptr(fd), "wraft-memory"), bytes: n}
	if s.file.Truncate(int64(n)) != nil {
		s.close()
		return sharing{}, nil
	}
	if err := s.mapOver(memory, unix.MAP_SHARED); err != nil {
		s.close()
		return sharing{}, err
	}
	return s, nil
}

// give gives a live guest's memory the pages. After an error the memory is not to be
// touched any more.
func (s sharing) give(memory []byte) error {
	if s.file == nil {
		return nil
	}
	return s.mapOver(memory, unix.MAP_PRIVATE)
}

// close lets go of the file. The mappings keep its pages.
func (s sharing) close() {
	if s.file != nil {
		_ = s.file.Close() // nothing was written through it
	}
}

// mapOver replaces the pages of memory, which is a reservation (reserve) from its
// beginning or from a page in it.
func (s sharing) mapOver(memory []byte, how int) error {
	_, err := unix.MmapPtr(int(s.file.Fd()), 0, unsafe.Pointer(unsafe.SliceData(memory)), uintptr(s.bytes),
		unix.PROT_READ|unix.PROT_WRITE, how|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("plugins: %w: %d bytes to share: %w", errNoShadow, s.bytes, err)
	}
	return nil
}
