package doctor

// Host are limits of a machine; 0 means unknown.
type Host struct {
	// ReceiveBytes and SendBytes are the largest buffers that a UDP socket may ask for.
	ReceiveBytes, SendBytes uint64
	// Files is how many files a process may have open.
	Files uint64
}

const (
	// udpBufferMin is what QUIC asks for each way.
	udpBufferMin = 7 << 20
	// filesMin leaves room for the store's files and for limits.connections, 4096 by default.
	filesMin = 8192
)

// host finds limits that hold a node back. They are notes: no node may run here.
func host(f Facts) (out []Finding) {
	const subject, place = "here", "see-how-it-is"
	if n := f.Host.ReceiveBytes; n != 0 && n < udpBufferMin {
		out = append(out, note(subject, operations(place), "Where nodes run: sysctl -w net.core.rmem_max=7500000", "UDP sockets may have %d bytes to receive into, QUIC wants %d: packets get lost under load", n, udpBufferMin))
	}
	if n := f.Host.SendBytes; n != 0 && n < udpBufferMin {
		out = append(out, note(subject, operations(place), "Where nodes run: sysctl -w net.core.wmem_max=7500000", "UDP sockets may have %d bytes to send from, QUIC wants %d", n, udpBufferMin))
	}
	if n := f.Host.Files; n != 0 && n < filesMin {
		out = append(out, note(subject, operations(place), "Where nodes run: ulimit -n 65536, or LimitNOFILE in the unit", "a process may have %d files open, a node may need %d", n, filesMin))
	}
	return out
}
