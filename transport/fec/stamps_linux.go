package fec

import (
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// timespecBytes is the size of the kernel's struct timespec: two words of 64 bits.
	timespecBytes = 16
	// waitedMax is the longest that a packet is taken to have waited in a socket. What looks longer
	// is a step of the machine's clock.
	waitedMax = time.Second
)

// stampArrivals has the kernel note when each packet of a socket arrived.
//
// Why: a process that gets its processor some milliseconds late reads packets late, which looks
// like jitter of the path, and a short queue then no longer stands out of it. Where the kernel
// can't, the time of reading is taken for that of arrival.
func stampArrivals(udp *net.UDPConn) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
}

// sinceArrival returns how long ago the packet with these control messages arrived, 0 where they
// do not tell.
func sinceArrival(oob []byte) time.Duration {
	for len(oob) >= unix.SizeofCmsghdr { // Why: the parser reads a header before it looks at the length
		h, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(body) >= timespecBytes {
			at := time.Unix(int64(binary.NativeEndian.Uint64(body)), int64(binary.NativeEndian.Uint64(body[8:])))
			if waited := time.Since(at); waited > 0 && waited <= waitedMax {
				return waited
			}
			return 0
		}
		oob = rest
	}
	return 0
}
