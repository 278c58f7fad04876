package quic

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	quicgo "github.com/quic-go/quic-go"
)

// Probing. When a process is killed its system refuses packets to its port (ICMP
// port unreachable, RFC 1122 §3.2.2.1), which is certain knowledge long before an
// election timeout is over. The socket of QUIC never sees that: it is not connected,
// so the system cannot tell which packet was refused. A connected one of its own
// does.
//
// What is forged costs an election at most (raft.Core.PeerGone), so a link is not
// ended for it (RFC 5927 §5.2). Where a firewall drops ICMP, or a system holds it back
// (icmp_ratelimit of Linux: six at once for a destination, then one a second), the
// election timeout decides as ever.
//
// Where a translator of addresses or a relay stands between, its address may refuse
// probes though the peer is there: it lets in what comes from the peer's counterpart and
// nothing else. A peer that is heard long after it refused shows that, and is not probed
// there any more. The first probe of an address goes out while the peer is heard, and
// tells of nothing else.

// probePacket is what is sent. Its first byte makes it no packet of QUIC (RFC 8999,
// RFC 9443), so that a process that listens drops it.
var probePacket = []byte{0}

// ProbeUDP is Config.Probe on a real network.
func ProbeUDP(at net.Addr) (net.Conn, error) { return net.Dial("udp", at.String()) }

// probe asks whether the peer's process is there whenever it is silent, until the
// connection ends.
func (l *link) probe() {
	cfg := &l.p.n.cfg
	ctx := l.conn.Context()
	for ctx.Err() == nil {
		at := l.conn.RemoteAddr()
		conn, err := cfg.Probe(at)
		if err != nil {
			cfg.Logger.Debug("a peer cannot be probed", "node", cfg.Node, "peer", l.p.id, "err", err)
			rest(ctx, cfg.IdleTimeout)
			continue
		}
		unwatch := context.AfterFunc(ctx, func() { _ = conn.Close() })
		l.probeAt(at, conn)
		unwatch()
		_ = conn.Close() // nothing is lost with it
	}
}

// probeAt probes one address until the peer has another or the connection ends.
func (l *link) probeAt(at net.Addr, conn net.Conn) {
	interval := l.p.n.cfg.ProbeInterval
	heard := l.heard()
	told := false
	doubt := doubt{began: time.Now()}
	_, _ = conn.Write(probePacket) // for the doubt; a system that cannot send it says so again
	var buf [64]byte
	for !l.ended() {
		due := time.Now().Add(interval)
		_ = conn.SetReadDeadline(due) // fails only when it is closed, and then the read does
		_, err := conn.Read(buf[:])
		if now := l.heard(); now != heard {
			heard, told = now, false
			if doubt.heard(time.Now()) {
				l.p.n.cfg.Logger.Info("an address refuses probes and the peer is heard from there; it is not probed any more",
					"node", l.p.n.cfg.Node, "peer", l.p.id, "address", at.String())
				l.restAt(at)
				return
			}
		} else if err != nil && !refused(err) {
			if l.movedFrom(at) {
				return
			}
			rest(l.conn.Context(), time.Until(due)) // Why: other errors come before the deadline
			_, err = conn.Write(probePacket)
		}
		if refused(err) && doubt.refused(time.Now()) && !told {
			told = true
			l.p.n.cfg.Logger.Info("the process of a peer has ended", "node", l.p.n.cfg.Node, "peer", l.p.id, "boot", l.hello.Boot)
			l.gone()
		}
	}
}

// refusalAge is how long after a refusal nothing arrives any more that the peer sent before it.
const refusalAge = time.Second

// doubt weighs whether an address that refuses probes speaks for the peer.
type doubt struct {
	began     time.Time // when the first probe went out, to a peer that was heard
	refusedAt time.Time // first; zero: never
	heardAt   time.Time // last behind refusedAt; zero: never
}

// heard takes in that the peer is heard. It returns true when the address does not speak for it.
func (d *doubt) heard(now time.Time) bool {
	if d.refusedAt.IsZero() {
		return false
	}
	d.heardAt = now
	return now.Sub(d.refusedAt) > refusalAge
}

// refused takes in a refusal, and returns whether it is to be believed: not the one that answers
// the first probe, and not while what was heard behind the first refusal is no older than refusalAge.
func (d *doubt) refused(now time.Time) bool {
	if d.refusedAt.IsZero() {
		d.refusedAt = now
		return now.Sub(d.began) > refusalAge
	}
	return d.heardAt.IsZero() || now.Sub(d.heardAt) > refusalAge
}

// movedFrom reports whether the peer's packets come from elsewhere.
func (l *link) movedFrom(at net.Addr) bool { return l.conn.RemoteAddr().String() != at.String() }

// restAt waits until they do or the connection ends.
func (l *link) restAt(at net.Addr) {
	for !l.ended() && !l.movedFrom(at) {
		rest(l.conn.Context(), refusalAge)
	}
}

// heard counts the packets of the peer that arrived.
func (l *link) heard() uint64 { return l.conn.ConnectionStats().PacketsReceived }

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// rest waits, unless ctx ends.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// gone tells that the process at the other end has ended.
func (l *link) gone() { l.p.n.handler.PeerGone(l.p.id, bootNumber(l.hello)) }

// saidEnd reports whether the peer closed the connection because its process ends.
func saidEnd(cause error) bool {
	var app *quicgo.ApplicationError
	return errors.As(cause, &app) && app.Remote && app.ErrorCode == codeEnds
}
