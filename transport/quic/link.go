package quic

import (
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
	"github.com/wraft/wraft/transport/wire"
)

// Urgencies of streams (RFC 9218): lower goes first, equal ones take turns.
const (
	urgencyControl = 0
	urgencyData    = 3 // appends and forwards
	urgencyFiles   = 7
)

// link is an authenticated connection to a peer with its queues. What waits in
// them falls with it.
type link struct {
	p       *peer
	conn    *quicgo.Conn
	hello   wire.Hello       // the peer's
	said    raft.Incarnation // in which life this node was by its own hello
	beats   *beatQueue
	votes   *queue
	lanes   []*queue // appends
	forward *queue
	fetches chan struct{} // holds a token per file being fetched
	// carriers are connections for files beside this one.
	carriers carriers
	repair   atomic.Pointer[fec.Link]
	// arrivals are the bundles of the peer's lanes.
	arrivals [lanesMax]arrivals
	// ask and answer are numbers of checks to send and to answer, 0: none; answered is
	// that of the last one that the peer answered.
	ask, answer, answered atomic.Uint64
	wg                    sync.WaitGroup
}

func newLink(p *peer, conn *quicgo.Conn, own, hello wire.Hello) *link {
	cfg := &p.n.cfg
	l := &link{
		p: p, conn: conn, hello: hello, said: own.Incarnation,
		beats:   newBeatQueue(cfg.QueueFramesMax),
		votes:   newQueue(transport.ClassControl, cfg.QueueBytesMax, cfg.QueueFramesMax),
		forward: newQueue(transport.ClassForward, cfg.QueueBytesMax, cfg.QueueFramesMax),
		fetches: make(chan struct{}, fetchesPerPeer),
	}
	for range cfg.Lanes {
		l.lanes = append(l.lanes, newQueue(transport.ClassAppend, cfg.QueueBytesMax, cfg.QueueFramesMax))
	}
	return l
}

// sender is whose frames arrive: the peer in the life of its hello.
func (l *link) sender() raft.Member {
	return raft.Member{Node: l.p.id, Incarnation: l.hello.Incarnation}
}

// outdated reports whether the peer takes this node to be in an earlier life.
func (l *link) outdated() bool { return l.said != l.p.n.life() }

// startWriters starts to drain the queues.
func (l *link) startWriters() {
	l.openRepair()
	l.wg.Go(l.writeBeats)
	l.wg.Go(l.checkPath)
	for _, q := range []*queue{l.votes, l.forward} {
		l.wg.Go(func() { l.write(q, nil) })
	}
	for i, q := range l.lanes {
		l.wg.Go(func() { l.write(q, &bundler{l: l, lane: i}) })
	}
}

// startReaders starts to hand over what arrives.
func (l *link) startReaders() {
	l.wg.Go(l.readDatagrams)
	l.wg.Go(l.readStreams)
	l.wg.Go(fileServer{n: l.p.n, peer: l.p.id, conn: l.conn}.run)
	if l.p.n.cfg.Probe != nil {
		l.wg.Go(l.probe)
	}
}

// ended reports whether the connection is gone.
func (l *link) ended() bool { return l.conn.Context().Err() != nil }

// wait returns when all goroutines of the link have; the connection must be gone
// or closed.
func (l *link) wait() { l.wg.Wait() }

// send puts a frame into the queue it belongs to.
func (l *link) send(f transport.Frame, size int) error {
	var dropped int
	var err error
	switch f.Payload.(type) {
	case raft.Heartbeat, raft.HeartbeatReply:
		dropped, err = l.beats.push(f)
	case raft.Append, raft.AppendReply, raft.InstallSnapshot, raft.InstallSnapshotReply:
		// Why by group: the frames of a group stay in order, so long as the
		// connection stands.
		dropped, err = l.lanes[uint64(f.Group)%uint64(len(l.lanes))].push(f, size)
	case transport.Forward, transport.ForwardReply:
		dropped, err = l.forward.push(f, size)
	default:
		dropped, err = l.votes.push(f, size)
	}
	l.p.dropped.Add(uint64(dropped))
	return err
}
