package fec

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Link is the repair of one QUIC connection's packets, both ways. Its methods are
// safe for concurrent use.
type Link struct {
	conn  *Conn
	order uint64        // a later link of the same address takes its packets
	wake  chan struct{} // holds a token when something is due earlier than run thinks
	stop  chan struct{}
	done  chan struct{}

	to, from netip.AddrPort // guarded by conn.mu

	mu        sync.Mutex // guards all below
	end       *endpoint  // but for end.in.id, which never changes
	remote    *net.UDPAddr
	oob       []byte        // what QUIC's packets carry to leave from the right address
	sleeps    time.Duration // until when run does
	coding    bool          // counted in conn.coding
	listening bool          // counted in conn.listening
	closed    bool
}

// Open begins to repair the packets of a connection to an address that QUIC has
// validated. material are ExportBytes of keying material that both ends exported
// from the connection's TLS; dialled says which end this is. The error is ErrRefused.
func (c *Conn) Open(material []byte, dialled bool, remote *net.UDPAddr) (*Link, error) {
	end, err := newEndpoint(c.cfg, material, dialled, c.now())
	if err != nil {
		return nil, err
	}
	l := &Link{
		conn: c, end: end, remote: remote, to: addrPort(remote), from: addrPort(remote),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.links) >= linksMax || c.routes.Load().byID[end.in.id] != nil {
		return nil, ErrRefused
	}
	for other := range c.links {
		l.order = max(l.order, other.order+1)
	}
	c.links[l] = struct{}{}
	c.reroute()
	go l.run()
	return l, nil
}

// Close ends the link and waits for its goroutine. QUIC's packets pass on.
func (l *Link) Close() {
	l.conn.mu.Lock()
	_, open := l.conn.links[l]
	delete(l.conn.links, l)
	l.conn.reroute()
	l.conn.mu.Unlock()
	if open {
		close(l.stop)
	}
	<-l.done
}

// Observe tells the link where QUIC sends to by now, and what it knows of the path.
// It should be called a few times a second.
func (l *Link) Observe(remote *net.UDPAddr, p Path) {
	at := addrPort(remote)
	l.conn.mu.Lock()
	if _, open := l.conn.links[l]; open && l.to != at {
		l.to, l.from = at, at
		l.conn.reroute()
	}
	l.conn.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remote = remote
	l.end.onPath(l.conn.now(), p)
	l.count()
	l.rouse()
}

// Expect says that much is about to be sent: its first packets are repaired, in ModeAuto and
// on a path that is long enough, until it is known what the path loses.
func (l *Link) Expect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.end.send.expect(l.conn.now())
	l.count()
	l.rouse()
}

// sent is told of QUIC's packets, and what they carried beside their bytes.
func (l *Link) sent(b []byte, segment int, ecn ECN, oob []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.oob = append(l.oob[:0], oob...)
	now := l.conn.now()
	for len(b) > 0 {
		n := min(segment, len(b))
		if Protected(b[:n]) {
			l.end.onSent(now, b[:n], ecn)
		}
		b = b[n:]
	}
	l.rouse()
}

// arrived is told of a packet of QUIC's, and appends what it made whole.
func (l *Link) arrived(b []byte, ready []arrival) []arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end.onArrived(l.conn.now(), b)
	l.count()
	return l.collect(ready)
}

// received takes in a packet of the other end's that waited in the socket, and appends what it made whole.
func (l *Link) received(b []byte, from netip.AddrPort, waited time.Duration, ready []arrival) ([]arrival, bool) {
	l.mu.Lock()
	ok := !l.closed && l.end.onPacket(l.conn.now(), waited, b)
	if ok {
		ready = l.collect(ready)
		l.count()
		l.rouse()
	}
	l.mu.Unlock()
	if ok {
		l.follow(from)
	}
	return ready, ok
}

// follow notes that the other end's packets come from another address. Nothing is
// sent there before QUIC does.
func (l *Link) follow(from netip.AddrPort) {
	if l.conn.routes.Load().from[from] == l {
		return
	}
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if _, open := l.conn.links[l]; open && l.from != from {
		l.from = from
		l.conn.reroute()
	}
}

// collect appends what was rebuilt. l.mu is held.
func (l *Link) collect(ready []arrival) []arrival {
	for _, r := range l.end.rebuilt() {
		if len(ready) < readyMax {
			ready = append(ready, arrival{rebuilt: r, from: l.remote})
		}
	}
	return ready
}

// count keeps the Conn's counts of who needs to see packets. l.mu is held.
func (l *Link) count() {
	note := func(is bool, was *bool, counter interface{ Add(int32) int32 }) {
		if is != *was {
			*was = is
			if is {
				counter.Add(1)
			} else {
				counter.Add(-1)
			}
		}
	}
	note(!l.closed && l.end.send.active, &l.coding, &l.conn.coding)
	note(!l.closed && l.end.recv.listening(l.conn.now()), &l.listening, &l.conn.listening)
}

// rouse wakes run when something is due before it would look. l.mu is held.
func (l *Link) rouse() {
	if at, ok := l.end.due(); ok && at < l.sleeps {
		l.sleeps = at // once is enough
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// idleSleep is how long run sleeps when nothing is due.
const idleSleep = time.Minute

// run sends what is due until Close.
func (l *Link) run() {
	defer close(l.done)
	defer l.retire()
	timer := time.NewTimer(idleSleep)
	defer timer.Stop()
	buf := make([]byte, 0, datagramBytesMax)
	var oob []byte
	for {
		packet, remote, wait := l.next(buf, &oob)
		if packet != nil {
			l.conn.own.Add(1)
			// An error is a lost packet, which is no worse for a packet of ours.
			_ = writeTo(l.conn.inner, packet, oob, remote)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.stop:
			return
		}
	}
}

// next returns the next packet that is due and where it goes, or how long to wait.
func (l *Link) next(buf []byte, oob *[]byte) (packet []byte, remote *net.UDPAddr, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.conn.now()
	if packet = l.end.next(now, buf); packet != nil {
		*oob = append((*oob)[:0], l.oob...)
		return packet, l.remote, 0
	}
	l.count()
	l.sleeps = now + idleSleep
	if at, ok := l.end.due(); ok {
		l.sleeps = min(l.sleeps, at)
	}
	return nil, nil, max(0, l.sleeps-now)
}

// retire takes the link out of the counts.
func (l *Link) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.count()
}

// Repairs reports whether parity is sent now: the path loses packets, by chance and
// not from a full queue, or Config asks for parity always.
func (l *Link) Repairs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.end.send.active && l.end.send.plan.loss > 0
}

// Loses reports whether the path lost packets lately, by chance and not from a full queue as
// far as is known. Parity may be of no use against how they fall.
func (l *Link) Loses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.end.send.active && l.end.send.losses.byChance(l.conn.now())
}

// Persists reports whether each packet is sent again until an answer would be here; see
// Path.Alone.
func (l *Link) Persists() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.end.send.persists(l.conn.now())
}

// Stats is what a link did since it was opened.
type Stats struct {
	Active      bool    // parity may be sent, losses are counted
	Loss        float64 // share of the packets sent that the path lost lately, before repair
	Data        uint64  // packets that parity was considered for
	Parity      uint64  // parity packets sent
	ParityBytes uint64
	Copies      uint64 // packets sent again, each time
	CopyBytes   uint64
	Beacons     uint64 // other packets of ours sent, but for reports
	Lost        uint64 // packets sent that did not arrive by themselves, by the peer's count
	Repaired    uint64 // of these, rebuilt by the peer
	Rebuilt     uint64 // packets from the peer that were rebuilt here
	Garbled     uint64 // rebuilt wrongly, and dropped
}

// Stats returns the counts.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, r := l.end.send, l.end.recv
	out := Stats{
		Active: s.active, Data: s.stats.data, Parity: s.stats.parity, ParityBytes: s.stats.parityBytes,
		Copies: s.stats.copies, CopyBytes: s.stats.copyBytes, Beacons: s.stats.beacons,
		Lost: s.stats.lost, Repaired: s.stats.repaired, Rebuilt: r.stats.repaired, Garbled: r.stats.garbled,
	}
	if s.active {
		out.Loss = s.losses.total()
	}
	return out
}
