package mem

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// Network is a node's end of a Switch. All methods are safe for concurrent use;
// Close must not be called by the Handler.
type Network struct {
	s       *Switch
	id      raft.NodeID
	handler transport.Handler
	wake    chan struct{} // holds a token when the inbox changed
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once

	// All below is guarded by s.mu.
	peers  map[raft.NodeID]bool
	inbox  inbox
	closed bool
	life   raft.Incarnation

	// frames is run's own.
	frames []transport.Frame
}

var _ transport.Network = (*Network)(nil)

func newNetwork(s *Switch, id raft.NodeID, h transport.Handler) *Network {
	return &Network{
		s: s, id: id, handler: h, peers: map[raft.NodeID]bool{},
		life: 1, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// Send implements transport.Network.
func (n *Network) Send(to raft.NodeID, frame transport.Frame) error {
	data, err := wire.Append(nil, frame)
	if err != nil {
		return fmt.Errorf("mem: send: %w", err)
	}
	class := transport.ClassOf(frame.Payload)
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	switch {
	case n.closed:
		return transport.ErrClosed
	case !n.peers[to]:
		return fmt.Errorf("%w: %v", transport.ErrUnknownPeer, to)
	case !n.s.pair(n.id, to).up:
		return fmt.Errorf("%w: %v", transport.ErrNotConnected, to)
	}
	p := n.s.path(n.id, to)
	if p.queued[class] >= n.s.cfg.QueueFramesMax {
		p.refused++
		return fmt.Errorf("%w: %v frames to %v", transport.ErrQueueFull, class, to)
	}
	p.sentFrames++
	p.sentBytes += uint64(len(data))
	n.transmit(p, to, class, data)
	return nil
}

// transmit lets chance decide what becomes of a frame. n.s.mu is held.
func (n *Network) transmit(p *path, to raft.NodeID, class transport.Class, data []byte) {
	// Invariant: every frame takes the same number of throws, whatever becomes of
	// it, so that one frame's fate does not change that of the next.
	lost, twice, held := p.chance.Float64(), p.chance.Float64(), p.chance.Float64()
	jitter := [2]float64{p.chance.Float64(), p.chance.Float64()}
	if p.cut || lost < p.link.Loss {
		p.lostFrames++
		return
	}
	copies := 1
	if twice < p.link.Duplicate {
		copies = 2
	}
	for i := range copies {
		delay := p.link.Delay + time.Duration(jitter[i]*float64(p.link.Jitter))
		if held < p.link.Reorder {
			delay += p.link.ReorderDelay
		}
		p.queued[class]++
		n.s.schedule(n.s.nodes[to], event{
			kind: eventFrame, from: n.id, class: class, epoch: n.s.pair(n.id, to).epoch,
			at: time.Now().Add(delay), data: bytes.Clone(data), life: n.life,
		})
	}
}

// SetPeers implements transport.Network. Addresses are not looked at.
func (n *Network) SetPeers(peers []transport.Peer) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.closed {
		return
	}
	before := n.peers
	n.peers = map[raft.NodeID]bool{}
	for _, peer := range peers {
		if peer.ID != n.id {
			n.peers[peer.ID] = true
		}
	}
	changed := maps.Clone(before)
	maps.Copy(changed, n.peers)
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		n.s.reconsider(n.id, id)
	}
}

// SetIncarnation implements transport.Network. A node begins in its first life. What is
// on its way in another one still arrives, and says so.
func (n *Network) SetIncarnation(life raft.Incarnation) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	n.life = life
}

// Links implements transport.Network. RTT is what the links' settings add up to.
func (n *Network) Links() []transport.LinkStats {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	links := make([]transport.LinkStats, 0, len(n.peers))
	for _, id := range slices.Sorted(maps.Keys(n.peers)) {
		out, in, p := n.s.path(n.id, id), n.s.path(id, n.id), n.s.pair(n.id, id)
		links = append(links, transport.LinkStats{
			Peer: id, Up: p.up,
			RTT:         out.link.Delay + in.link.Delay + (out.link.Jitter+in.link.Jitter)/2,
			RTTVariance: (out.link.Jitter + in.link.Jitter) / 2,
			SentBytes:   out.sentBytes, RecvBytes: in.sentBytes,
			SentPackets: out.sentFrames, LostPackets: out.lostFrames,
			Dropped: out.refused, Reconnects: max(p.reconnects, 1) - 1,
		})
	}
	return links
}

// Close implements transport.Network. The peers notice at once. The Handler is
// not called for the connections that Close ends, and not at all afterwards.
func (n *Network) Close() error {
	n.once.Do(func() {
		n.s.mu.Lock()
		n.closed = true
		delete(n.s.nodes, n.id)
		for _, d := range n.s.directions() {
			if d.from == n.id {
				n.tellGone(d.to)
				n.s.reconsider(d.from, d.to)
			}
		}
		for _, e := range n.inbox {
			n.forget(e)
		}
		n.inbox = nil
		n.s.mu.Unlock()
		close(n.stop)
	})
	<-n.done
	return nil
}

// tellGone tells a node that is connected that this one leaves. n.s.mu is held.
func (n *Network) tellGone(to raft.NodeID) {
	if peer := n.s.nodes[to]; peer != nil && n.s.pair(n.id, to).up {
		n.s.schedule(peer, event{kind: eventGone, from: n.id, boot: n.s.boots[n.id], at: time.Now()})
	}
}

// forget takes an event out of the count of frames under way. n.s.mu is held.
func (n *Network) forget(e event) {
	if e.kind == eventFrame {
		n.s.path(e.from, n.id).queued[e.class]--
	}
}

// run hands over what is due until Close.
func (n *Network) run() {
	defer close(n.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := n.turn()
		var due <-chan time.Time
		if wait >= 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-n.wake:
		case <-n.stop:
			return
		}
	}
}

// turn handles all events that are due and returns how long to wait for the next,
// negative when there is none.
func (n *Network) turn() time.Duration {
	for {
		e, wait, ok := n.next()
		if !ok {
			return wait
		}
		switch e.kind {
		case eventUp:
			n.handler.PeerUp(e.from, e.boot)
		case eventDown:
			n.handler.PeerDown(e.from)
		case eventGone:
			n.handler.PeerGone(e.from, e.boot)
		case eventFrame:
			n.handler.Deliver(raft.Member{Node: e.from, Incarnation: e.life}, n.frames)
		}
		select {
		case <-n.stop:
			return -1
		default:
		}
	}
}

// next takes the next event that concerns the handler. For a frame it also takes
// those right behind it that come from the same node, and leaves them in n.frames.
func (n *Network) next() (event, time.Duration, bool) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	for {
		e, wait, ok := n.due(time.Now())
		if !ok {
			return event{}, wait, false
		}
		switch e.kind {
		case eventCheck:
			n.s.check(n.id, e.from, e.epoch)
		case eventUp, eventDown, eventGone:
			return e, 0, true
		case eventFrame:
			if n.gather(e); len(n.frames) > 0 {
				return e, 0, true
			}
		}
	}
}

// gather decodes a frame and those that are due right behind it from the same
// node, into n.frames. n.s.mu is held.
func (n *Network) gather(e event) {
	clear(n.frames)
	n.frames = n.frames[:0]
	from := e.from
	for {
		n.forget(e)
		// Why the epoch: what was under way when a connection fell is lost with it.
		if p := n.s.pair(n.id, from); p.up && p.epoch == e.epoch {
			n.frames = append(n.frames, decode(e.data))
		}
		more := len(n.inbox) > 0 && n.inbox[0].kind == eventFrame && n.inbox[0].from == from && n.inbox[0].life == e.life
		if !more || len(n.frames) >= deliverFramesMax {
			return
		}
		var ok bool
		if e, _, ok = n.due(time.Now()); !ok {
			return
		}
	}
}

// decode reads a frame that wire.Append wrote.
func decode(data []byte) transport.Frame {
	head, err := wire.ParseHead(data)
	if err == nil {
		var f transport.Frame
		if f, err = wire.Decode(head.Kind, data[wire.HeadBytes:]); err == nil {
			return f
		}
	}
	// Invariant: whatever wire.Append accepts, wire.Decode accepts.
	panic(fmt.Sprintf("mem: a frame of ours does not decode: %x: %v", data, err))
}
