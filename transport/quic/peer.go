package quic

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// peer is a node of the peer list. Its goroutine, run, brings links up and down.
type peer struct {
	n        *Network
	id       raft.NodeID
	stop     context.CancelFunc
	done     chan struct{} // closed when run has returned
	kick     chan struct{} // holds a token when it is worth trying to dial at once
	arrivals chan *arrival // connections the peer dialled, after their hello
	link     atomic.Pointer[link]
	dropped  atomic.Uint64 // frames
	links    atomic.Uint64 // that came up
	narrowed atomic.Uint64 // of these, ended for large packets that did not arrive
	chance   *rand.Rand    // run's own

	mu      sync.Mutex // guards all below
	address string
	knocked string             // where it knocked from last, "" if it did not since address is known
	aside   bool               // the next attempt to dial goes there
	giveUp  context.CancelFunc // ends the attempt to dial that is under way
	through bool               // it has reached the peer: only a hello is missing
	down    transport.DownReason
	fault   transport.DownReason // what the last attempt to dial ended with, where that is clear
	past    transport.LinkStats  // the sums of links that ended
}

func newPeer(n *Network, at transport.Peer, stop context.CancelFunc) *peer {
	return &peer{
		n: n, id: at.ID, stop: stop, address: at.Address,
		done: make(chan struct{}), kick: make(chan struct{}, 1), arrivals: make(chan *arrival), giveUp: func() {},
		chance: n.chance(at.ID),
	}
}

// dials reports whether this node dials the peer, rather than wait to be dialled.
func (p *peer) dials() bool { return p.n.cfg.Node < p.id }

// setAddress notes where the peer listens; a change is tried at once, and ends an
// attempt at the old address.
func (p *peer) setAddress(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.address == address {
		return
	}
	p.address, p.knocked, p.aside = address, "", false
	signal(p.kick)
	p.giveUp()
}

// redial ends an attempt to dial that has not got through, and makes another at once.
func (p *peer) redial() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.through {
		signal(p.kick)
		p.giveUp()
	}
}

// target returns the address to dial next, where it knocked from every other time, and remembers how to end that attempt.
func (p *peer) target(giveUp context.CancelFunc) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveUp = giveUp
	address := p.address
	if p.aside && p.knocked != "" {
		address = p.knocked
	}
	p.aside = !p.aside
	return address
}

// seenAt notes where the peer is by a knock, whose hello was authenticated. It is dialled
// there in turns with its address, which comes first: the peer may have moved.
func (p *peer) seenAt(at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.knocked, p.aside = at, false
}

// reached says that the attempt under way got through to the peer, or has ended.
func (p *peer) reached(through bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.through = through
}

// run keeps a link to the peer until ctx ends.
func (p *peer) run(ctx context.Context) {
	var next *arrival
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { p.wonder(ctx) })
	if !p.dials() {
		beside.Go(func() { p.knock(ctx) })
	}
	pause := backoff{min: p.n.cfg.BackoffMin, max: p.n.cfg.BackoffMax, chance: p.chance}
	for ctx.Err() == nil {
		var l *link
		if p.dials() {
			l = p.dial(ctx, &pause)
		} else {
			l = p.await(ctx, next)
			next = nil
		}
		if l == nil {
			continue // ctx ended, or the arrival turned out to be dead
		}
		began := time.Now()
		next = p.attend(ctx, l)
		// Why: a link that falls at once must not be dialled again at once, for ever.
		if time.Since(began) >= p.n.cfg.BackoffMax {
			pause.reset()
		}
	}
	if next != nil {
		_ = next.conn.CloseWithError(codeShutdown, "closing down")
	}
}

// await waits for the peer to dial; given an arrival, it takes that. It returns
// nil when ctx ended or the connection fell meanwhile.
func (p *peer) await(ctx context.Context, a *arrival) *link {
	if a == nil {
		select {
		case a = <-p.arrivals:
		case <-ctx.Done():
			return nil
		}
	}
	l, err := a.accept(p)
	if err != nil {
		p.n.turnAway(a.conn, err)
		return nil
	}
	return l
}

// attend runs a link until it ends, ctx ends, or a newer one arrives, which it
// returns.
func (p *peer) attend(ctx context.Context, l *link) (next *arrival) {
	logger := p.n.cfg.Logger.With("node", p.n.cfg.Node, "peer", p.id)
	l.startWriters()
	p.links.Add(1)
	p.link.Store(l)
	p.n.handler.PeerUp(p.id, bootNumber(l.hello))
	l.startReaders()
	if l.outdated() { // Why after it is shown: SetIncarnation ends all links that it sees
		_ = l.conn.CloseWithError(codeReplaced, "a new life began")
	}
	l.recheck() // and so does Recheck
	logger.Info("peer connected", "address", l.conn.RemoteAddr().String(), "boot", l.hello.Boot)

	for next == nil && ctx.Err() == nil && !l.ended() {
		select {
		case <-l.conn.Context().Done():
		case <-ctx.Done():
		case a := <-p.arrivals:
			if !a.after(l) {
				p.n.turnAway(a.conn, refuse(ReasonStale, "quic: %v: a connection as new as this one stands", p.id))
				continue
			}
			next = a
		}
	}
	p.link.Store(nil)
	switch {
	case next != nil:
		_ = l.conn.CloseWithError(codeReplaced, "replaced by a newer connection")
	case p.n.isClosed():
		_ = l.conn.CloseWithError(codeEnds, "the process ends")
	default:
		_ = l.conn.CloseWithError(codeShutdown, "closing down")
	}
	l.wait()
	p.absorb(l)
	cause := context.Cause(l.conn.Context())
	p.n.refusals.note(cause, "peer", p.id)
	if !p.n.isClosed() {
		logger.Info("peer disconnected", "cause", cause)
		if saidEnd(cause) {
			l.gone()
		}
		p.n.handler.PeerDown(p.id)
	}
	return next
}

// absorb adds a link's sums to those of the links before it.
func (p *peer) absorb(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.traffic().addTo(&p.past)
	l.repaired(&p.past)
	p.past.Repair, p.past.RepairLoss = transport.RepairOff, 0
}

// stats describes the path to the peer.
func (p *peer) stats() transport.LinkStats {
	p.mu.Lock()
	out := p.past
	out.Down = p.down
	p.mu.Unlock()
	out.Peer, out.Dropped, out.Narrowed = p.id, p.dropped.Load(), p.narrowed.Load()
	out.Reconnects = max(p.links.Load(), 1) - 1
	if l := p.link.Load(); l != nil {
		now := l.conn.ConnectionStats()
		out.Up, out.RTT, out.RTTVariance, out.Down = true, now.SmoothedRTT, now.MeanDeviation, transport.DownUnknown
		l.traffic().addTo(&out)
		l.repaired(&out)
	}
	return out
}
