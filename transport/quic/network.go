package quic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
	"github.com/wraft/wraft/transport/wire"
)

// Network is a node's network over QUIC. All methods are safe for concurrent use;
// Close must not be called by the Handler.
type Network struct {
	cfg        Config
	handler    transport.Handler
	transport  *quicgo.Transport
	repair     *fec.Conn // nil: losses are not repaired
	listener   *quicgo.Listener
	refusals   *refusals
	serves     chan struct{} // holds a token per file being served
	files      *limiter
	handshakes chan struct{} // holds a token per hello of an accepted connection
	pending    atomic.Int64  // TLS handshakes under way on the accepting side
	retries    atomic.Uint64 // dialling packets that were asked to prove their address
	dials      atomic.Uint64 // connections dialled since the start
	lifeNow    atomic.Uint32 // the raft.Incarnation that hellos name
	stopAccept context.CancelFunc
	wg         sync.WaitGroup // of the accept loop, handshakes and peers

	mu      sync.RWMutex // guards all below
	peers   map[raft.NodeID]*peer
	retired map[raft.NodeID]<-chan struct{} // closed when the removed peer is gone
	closed  bool
}

var _ transport.Network = (*Network)(nil)

// New starts a node's network without peers. The error says what is wrong with
// the configuration or with the node's own certificate.
func New(cfg Config, h transport.Handler) (*Network, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	n := &Network{
		cfg: cfg, handler: h,
		refusals:   newRefusals(cfg.Logger.With("node", cfg.Node)),
		serves:     make(chan struct{}, cfg.ServesMax),
		files:      newLimiter(cfg.FileBytesPerSecond),
		handshakes: make(chan struct{}, handshakesMax),
		peers:      map[raft.NodeID]*peer{},
		retired:    map[raft.NodeID]<-chan struct{}{},
	}
	n.lifeNow.Store(uint32(cfg.Incarnation))
	cert, err := n.checkOwnCertificate()
	if err != nil {
		return nil, err
	}
	key, err := resetKey(cert)
	if err != nil {
		return nil, err
	}
	conn, err := n.packetConn()
	if err != nil {
		return nil, err
	}
	n.transport = &quicgo.Transport{
		Conn: conn, ConnectionIDLength: connectionIDBytes, StatelessResetKey: key,
		ConnContext: n.watchHandshake, VerifySourceAddress: n.crowded,
	}
	if n.listener, err = n.transport.Listen(n.serverTLS(), n.quicConfig()); err != nil {
		return nil, errors.Join(fmt.Errorf("quic: listen: %w", err), n.transport.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stopAccept = stop
	n.wg.Go(func() { n.accept(ctx) })
	return n, nil
}

// quicConfig is the same for both sides of a connection.
func (n *Network) quicConfig() *quicgo.Config {
	return &quicgo.Config{
		HandshakeIdleTimeout: n.cfg.HandshakeTimeout,
		MaxIdleTimeout:       n.cfg.IdleTimeout,
		KeepAlivePeriod:      n.cfg.KeepAlive,
		// Why no growth: a window that must first grow would let stalled files take
		// what is there. Memory is used only for what arrives and is not read.
		InitialStreamReceiveWindow:     streamWindowBytes,
		MaxStreamReceiveWindow:         streamWindowBytes,
		InitialConnectionReceiveWindow: connectionWindowBytes,
		MaxConnectionReceiveWindow:     connectionWindowBytes,
		MaxIncomingStreams:             fetchesPerPeer + 1, // and the hello
		MaxIncomingUniStreams:          uniStreamsPerPeer,
		EnableDatagrams:                true,
		InitialPacketSize:              packetBytesMin, // Why: whether a path carries more is found out soon
	}
}

// Counters returns how many connections were refused, or ended for what came over
// them, by reason. The map is the caller's.
func (n *Network) Counters() map[Reason]uint64 { return n.refusals.snapshot() }

// Retries returns how often somebody who dialled had to prove its address first, because
// many handshakes were under way.
func (n *Network) Retries() uint64 { return n.retries.Load() }

// Send implements transport.Network. In class control an older frame falls for a
// newer one, and counts as dropped; ErrQueueFull comes there only when heartbeats
// of more groups wait than the bound allows.
func (n *Network) Send(to raft.NodeID, frame transport.Frame) error {
	size, err := wire.SizeBound(frame)
	if err != nil {
		return fmt.Errorf("quic: send to %v: %w", to, err)
	}
	p, err := n.peer(to)
	if err != nil {
		return err
	}
	l := p.link.Load()
	if l == nil {
		return fmt.Errorf("%w: %v", transport.ErrNotConnected, to)
	}
	return l.send(frame, size)
}

func (n *Network) peer(id raft.NodeID) (*peer, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return nil, transport.ErrClosed
	}
	p := n.peers[id]
	if p == nil {
		return nil, fmt.Errorf("%w: %v", transport.ErrUnknownPeer, id)
	}
	return p, nil
}

// SetPeers implements transport.Network. A new address is used from the next
// attempt to connect on; a connection that stands is kept.
func (n *Network) SetPeers(peers []transport.Peer) {
	wanted := make(map[raft.NodeID]transport.Peer, len(peers))
	for _, peer := range peers {
		if peer.ID != n.cfg.Node && peer.ID != 0 {
			wanted[peer.ID] = peer
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.forgetRetired()
	for id, p := range n.peers {
		if _, stays := wanted[id]; !stays {
			p.stop()
			n.retired[id] = p.done
			delete(n.peers, id)
		}
	}
	for id, peer := range wanted {
		if p := n.peers[id]; p != nil {
			p.setAddress(peer.Address)
		} else {
			n.peers[id] = n.startPeer(peer)
		}
	}
}

// startPeer starts to run a peer, after a removed one of the same ID is gone.
// n.mu is held.
func (n *Network) startPeer(at transport.Peer) *peer {
	ctx, stop := context.WithCancel(context.Background())
	p := newPeer(n, at, stop)
	before := n.retired[at.ID]
	delete(n.retired, at.ID)
	n.wg.Go(func() {
		defer close(p.done)
		defer stop()
		if before != nil {
			<-before
		}
		p.run(ctx)
	})
	return p
}

// anyAway reports whether some peer has no link.
func (n *Network) anyAway() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, p := range n.peers {
		if p.link.Load() == nil {
			return true
		}
	}
	return false
}

// forgetRetired drops what is known of removed peers that are gone. n.mu is held.
func (n *Network) forgetRetired() {
	for id, done := range n.retired {
		select {
		case <-done:
			delete(n.retired, id)
		default:
		}
	}
}

// SetIncarnation implements transport.Network.
func (n *Network) SetIncarnation(life raft.Incarnation) {
	n.lifeNow.Store(uint32(life))
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, p := range n.peers {
		if l := p.link.Load(); l != nil && l.outdated() {
			_ = l.conn.CloseWithError(codeReplaced, "a new life began")
		}
	}
}

// Recheck holds all connections against what is trusted now, and ends those whose peer's
// certificate would be refused; that it has expired meanwhile is no reason. Call it when
// what Config.Trust returns has changed.
func (n *Network) Recheck() {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, p := range n.peers {
		if l := p.link.Load(); l != nil {
			l.recheck()
		}
	}
}

// life is the one that this node is in; 0: none yet.
func (n *Network) life() raft.Incarnation { return raft.Incarnation(n.lifeNow.Load()) }

// Links implements transport.Network.
func (n *Network) Links() []transport.LinkStats {
	n.mu.RLock()
	peers := make([]*peer, 0, len(n.peers))
	for _, p := range n.peers {
		peers = append(peers, p)
	}
	n.mu.RUnlock()
	slices.SortFunc(peers, func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
	links := make([]transport.LinkStats, 0, len(peers))
	for _, p := range peers {
		links = append(links, p.stats())
	}
	return links
}

// Close implements transport.Network. The peers learn of it at once. The Handler
// is not told of the connections that Close ends, and not called afterwards.
func (n *Network) Close() error {
	n.mu.Lock()
	first := !n.closed
	n.closed = true
	for _, p := range n.peers {
		p.stop()
	}
	n.mu.Unlock()
	n.stopAccept()
	n.wg.Wait()
	if !first {
		return nil
	}
	return errors.Join(n.listener.Close(), n.transport.Close())
}

func (n *Network) isClosed() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.closed
}

// accept greets every connection that passed the TLS handshake.
func (n *Network) accept(ctx context.Context) {
	for {
		conn, err := n.listener.Accept(ctx)
		if err != nil {
			if ctx.Err() == nil {
				n.cfg.Logger.Error("peer listener failed", "node", n.cfg.Node, "err", err)
			}
			return
		}
		endHandshake(conn.Context())
		if forFiles(conn) {
			n.wg.Go(func() { n.carry(ctx, conn) })
			continue
		}
		select {
		case n.handshakes <- struct{}{}:
			n.wg.Go(func() {
				defer func() { <-n.handshakes }()
				n.greet(ctx, conn)
			})
		default:
			n.turnAway(conn, refuse(ReasonBusy, "quic: %d hellos are awaited", handshakesMax))
		}
	}
}

// turnAway counts why a connection is refused, and closes it.
func (n *Network) turnAway(conn *quicgo.Conn, err error) {
	n.refusals.note(err, "address", conn.RemoteAddr().String())
	reason, ok := reasonOf(err)
	if !ok {
		reason = ReasonHello
	}
	_ = conn.CloseWithError(reason.code(), string(reason))
}

// chance returns the source of a peer's jitter.
func (n *Network) chance(id raft.NodeID) *rand.Rand {
	return rand.New(rand.NewPCG(n.cfg.Seed^n.cfg.Boot, uint64(n.cfg.Node)<<32^uint64(id)))
}
