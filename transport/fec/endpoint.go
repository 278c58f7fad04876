package fec

import "time"

// endpoint is one end of a link: the sender of one direction, the receiver of the
// other, and what is common to both. It has no socket and no clock.
type endpoint struct {
	out, in *direction
	send    *sender
	recv    *receiver
	least   leastRTT
	foreign uint64 // packets with a wrong MAC, or malformed
}

// leastRTT is the least round trip of the last half minute or so.
//
// Why not the least ever: a path that has become longer, as routes do, would look like
// one with a full queue until its connection ends.
type leastRTT struct {
	turned          time.Duration
	previous, least time.Duration // of the half before this one, and of this; 0: unknown
}

// add takes in a smoothed round trip and the least ever, which counts at first, and
// returns the least of late.
func (l *leastRTT) add(now, rtt, ever time.Duration) time.Duration {
	switch {
	case rtt == 0:
		return 0
	case l.least == 0:
		l.turned, l.least = now, rtt
		if ever > 0 {
			l.least = ever
		}
	case now-l.turned >= delayHistory:
		l.turned, l.previous, l.least = now, l.least, rtt
	}
	l.least = min(l.least, rtt)
	if l.previous == 0 {
		return l.least
	}
	return min(l.previous, l.least)
}

// newEndpoint makes the dialling or the accepting end of a link from keying
// material of ExportBytes.
func newEndpoint(cfg Config, material []byte, dialled bool, now time.Duration) (*endpoint, error) {
	out, in, err := newDirections(material, dialled)
	if err != nil {
		return nil, err
	}
	return &endpoint{out: out, in: in, send: newSender(cfg, out, now), recv: newReceiver(out)}, nil
}

// onPath takes in what the connection above knows of its path.
func (e *endpoint) onPath(now time.Duration, p Path) {
	p.RTTMin = e.least.add(now, p.RTT, p.RTTMin)
	e.recv.rtt = p.RTT
	e.recv.grown = p.RTT - p.RTTMin
	e.send.onPath(now, p)
}

// onSent is told of a data packet that was sent.
func (e *endpoint) onSent(now time.Duration, packet []byte, ecn ECN) { e.send.onData(now, packet, ecn) }

// onArrived is told of a data packet that arrived.
func (e *endpoint) onArrived(now time.Duration, packet []byte) { e.recv.onData(now, packet) }

// onPacket takes in a packet of the other end's that waited in the socket to be read, and
// reports whether it was one.
func (e *endpoint) onPacket(now, waited time.Duration, datagram []byte) bool {
	body, ok := e.in.open(datagram)
	if ok {
		ok = e.read(now, waited, body) == nil
	}
	if !ok {
		e.foreign++
	}
	return ok
}

func (e *endpoint) read(now, waited time.Duration, body []byte) error {
	switch kind(body[0]) {
	case kindParity:
		p, err := readParity(body)
		if err == nil {
			p.waited = waited
			e.recv.onParity(now, p)
		}
		return err
	case kindBeacon:
		p, err := readBeacon(body)
		if err == nil {
			p.waited = waited
			e.recv.onBeacon(now, p)
		}
		return err
	case kindReport:
		p, err := readReport(body)
		if err == nil {
			e.send.onReport(now, p)
		}
		return err
	}
	return errMalformed
}

// rebuilt hands out what was rebuilt since it was last asked. The slice is the
// caller's until the next call with a packet.
func (e *endpoint) rebuilt() []rebuilt {
	out := e.recv.rebuilt
	e.recv.rebuilt = e.recv.rebuilt[:0]
	return out
}

// next appends the next packet of ours that is due to the empty buf, or returns nil.
func (e *endpoint) next(now time.Duration, buf []byte) []byte {
	if p := e.send.next(now, buf); p != nil {
		return p
	}
	return e.recv.next(now, buf)
}

// due says when next has something to do.
func (e *endpoint) due() (time.Duration, bool) {
	at, any := e.send.due()
	if r, ok := e.recv.due(); ok && (!any || r < at) {
		return r, true
	}
	return at, any
}
