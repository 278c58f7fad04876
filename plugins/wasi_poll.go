package plugins

import (
	"encoding/binary"
	"math"

	"github.com/wraft/wraft/plugins/abi"
)

// subscriptionsMax bounds poll_oneoff.
const subscriptionsMax = 1024

// wasiPoll is how a guest sleeps. Nobody waits: the clock jumps to the
// earliest deadline, and every subscription that is due by then fires.
// Writing to a standard descriptor is always possible; every other descriptor
// answers that it is bad.
func wasiPoll(h *host, s []uint64) uint32 {
	count := uint32(s[2])
	if count == 0 || count > subscriptionsMax {
		return abi.ErrnoInval
	}
	h.charge(count * (abi.SubscriptionBytes + abi.EventBytes))
	in, ok := h.memory.read(uint32(s[0]), count*abi.SubscriptionBytes)
	if !ok {
		return abi.ErrnoFault
	}
	out, ok := h.memory.writable(uint32(s[1]), count*abi.EventBytes)
	if !ok {
		return abi.ErrnoFault
	}
	subs := make([]subscription, count)
	earliest, now := int64(math.MaxInt64), false
	for i := range subs {
		subs[i] = readSubscription(in[i*abi.SubscriptionBytes:], h.clock)
		if subs[i].kind != abi.EventClock || subs[i].errno != abi.ErrnoSuccess {
			now = true
		} else {
			earliest = min(earliest, subs[i].deadline)
		}
	}
	if !now {
		h.sleep(earliest)
	}
	fired := uint32(0)
	for _, sub := range subs {
		if sub.kind == abi.EventClock && sub.errno == abi.ErrnoSuccess && sub.deadline > h.clock {
			continue
		}
		sub.writeEvent(out[fired*abi.EventBytes:][:abi.EventBytes])
		fired++
	}
	if !h.memory.put32(uint32(s[3]), fired) {
		return abi.ErrnoFault
	}
	return abi.ErrnoSuccess
}

// subscription is one thing a guest waits for.
type subscription struct {
	userdata uint64
	kind     byte
	errno    uint32
	deadline int64
}

// readSubscription decodes the 48 bytes of a subscription: user data, kind,
// then a clock's id, timeout and flags, or a descriptor.
func readSubscription(b []byte, clock int64) subscription {
	sub := subscription{userdata: binary.LittleEndian.Uint64(b), kind: b[8]}
	switch sub.kind {
	case abi.EventClock:
		if binary.LittleEndian.Uint32(b[16:]) > abi.ClockMonotonic {
			sub.errno = abi.ErrnoInval
			return sub
		}
		timeout := int64(min(binary.LittleEndian.Uint64(b[24:]), math.MaxInt64))
		if binary.LittleEndian.Uint16(b[40:])&abi.SubclockAbstime != 0 {
			sub.deadline = timeout
		} else if sub.deadline = clock + timeout; sub.deadline < clock {
			sub.deadline = math.MaxInt64
		}
	case abi.EventFdWrite:
		if fd := binary.LittleEndian.Uint32(b[16:]); fd != abi.FdStdout && fd != abi.FdStderr {
			sub.errno = abi.ErrnoBadf
		}
	case abi.EventFdRead:
		if binary.LittleEndian.Uint32(b[16:]) != abi.FdStdin {
			sub.errno = abi.ErrnoBadf
		}
	default:
		sub.errno = abi.ErrnoInval
	}
	return sub
}

// writeEvent encodes the 32 bytes of an event.
func (sub subscription) writeEvent(b []byte) {
	clear(b)
	binary.LittleEndian.PutUint64(b, sub.userdata)
	binary.LittleEndian.PutUint16(b[8:], uint16(sub.errno))
	b[10] = sub.kind
}
