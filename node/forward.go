package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/tracecontext"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// Operations of transport.Forward.
const (
	forwardCommand  uint8 = 1  // body: forwardedCommand
	forwardPull     uint8 = 2  // body: forwardedPull; the receiver fetches the module from the sender
	forwardState    uint8 = 3  // body: forwardedState; not answered
	forwardProgress uint8 = 5  // body: forwardedProgress; not answered
	forwardBirth    uint8 = 6  // body: forwardedBirth
	forwardClaim    uint8 = 7  // body: forwardedClaim
	forwardReady    uint8 = 4  // body: forwardedReady; answered when the receiver leads and runs the machine
	forwardGone     uint8 = 8  // body: forwardedReady; answered when the receiver has no replica of the deleted machine
	forwardTransfer uint8 = 9  // body: forwardedTransfer; answered when the receiver has begun to hand over
	forwardView     uint8 = 16 // body: forwardedView; answered with what Node.ServeView was given
	forwardHeir     uint8 = 21 // body: forwardedHeir; answered without an error when the receiver could lead
	forwardEcho     uint8 = 12 // body: forwardedReady; answered at once
	forwardSilence  uint8 = 20 // body: forwardedSilence; answered with a silenceAnswer
	forwardTraced   uint8 = 18 // body: forwardedTrace; from Level2 on
	forwardMeasure  uint8 = 13 // body: forwardedMeasure; answered with a Transfer when the receiver has fetched that from the sender
	forwardPlace    uint8 = 17 // body: forwardedPlace; answered when the command stands in the log, or has an answer
)

// forwardedCommand is a command passed on to the leader.
type forwardedCommand struct {
	_       struct{} `cbor:",toarray"`
	Command Command
}

// forwardedTrace is a sampled command passed on to the leader, with its place in its trace as
// the W3C headers traceparent and tracestate write it.
type forwardedTrace struct {
	_             struct{} `cbor:",toarray"`
	Command       Command
	Parent, State string
}

// forwardedPull asks a node to fetch and keep a module, and the artefact that was
// made of it unless that is the zero digest.
type forwardedPull struct {
	_        struct{} `cbor:",toarray"`
	Module   Digest
	Artefact Digest
}

// forwardedReady asks a leader to say when it answers commands.
type forwardedReady struct {
	_ struct{} `cbor:",toarray"`
}

// forwardedReply answers what is answered.
type forwardedReply struct {
	_        struct{} `cbor:",toarray"`
	Code     forwardCode
	Text     string
	Leader   raft.NodeID
	Index    raft.Index
	Term     raft.Term
	Status   int32
	Replayed bool
	Data     []byte
}

// forwardCode says how a forwarded request ended.
type forwardCode uint8

const (
	forwardedOK        forwardCode = 0
	forwardedNotLeader forwardCode = 1 // certainly not applied; Leader is a hint
	forwardedBusy      forwardCode = 2 // certainly not applied
	forwardedUnknown   forwardCode = 3
	forwardedFailed    forwardCode = 4 // certainly not applied
	forwardedDiskFull  forwardCode = 5 // certainly not applied
	forwardedBadHeir   forwardCode = 6 // raft.ErrBadTransfer
)

// pendingForwardsMax bounds the requests passed on and not answered.
const pendingForwardsMax = 1 << 16

// forwards remembers who waits for which request that was passed on.
type forwards struct {
	mu      sync.Mutex // guards the fields below
	last    uint64
	pending map[uint64]pendingForward
}

type pendingForward struct {
	peer raft.NodeID
	to   waiter
}

func newForwards() *forwards { return &forwards{pending: map[uint64]pendingForward{}} }

func (f *forwards) add(peer raft.NodeID, w waiter) (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) >= pendingForwardsMax {
		return 0, false
	}
	f.last++
	f.pending[f.last] = pendingForward{peer: peer, to: w}
	return f.last, true
}

func (f *forwards) remove(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pending, id)
}

// reply takes an answer in. Only the peer that was asked may give it.
func (f *forwards) reply(from raft.NodeID, r transport.ForwardReply) {
	f.mu.Lock()
	p, ok := f.pending[r.ID]
	ok = ok && p.peer == from
	if ok {
		delete(f.pending, r.ID)
	}
	f.mu.Unlock()
	if ok {
		p.to.resolve(decodeForwardReply(r.Body))
	}
}

// peerDown gives up what a peer was asked: it may have done it or not.
func (f *forwards) peerDown(peer raft.NodeID) {
	f.mu.Lock()
	var lost []waiter
	for id, p := range f.pending {
		if p.peer == peer {
			lost = append(lost, p.to)
			delete(f.pending, id)
		}
	}
	f.mu.Unlock()
	for _, w := range lost {
		w.resolve(reply{err: &UnknownOutcomeError{Cause: fmt.Errorf("node: the connection to %v fell", peer)}})
	}
}

// forward passes a request on and waits for the answer, for as long as current
// holds (nil: for ever); changed wakes it to look again.
func (n *Node) forward(ctx context.Context, to raft.NodeID, g raft.GroupID, op uint8, body any, current func() (holds bool, changed <-chan struct{})) (reply, error) {
	c := newCall()
	id, err := n.pass(to, g, op, body, c)
	if err != nil {
		return reply{}, err
	}
	defer n.forwards.remove(id)
	if current == nil {
		return n.await(ctx, c)
	}
	return n.awaitLeader(ctx, to, c, current, nil, nil)
}

// pass sends a request that w gets the answer of, unless it is removed from the forwards.
func (n *Node) pass(to raft.NodeID, g raft.GroupID, op uint8, body any, w waiter) (id uint64, err error) {
	data, err := batchEncoding.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("node: encode forward: %w", err)
	}
	id, ok := n.forwards.add(to, w)
	if !ok {
		return 0, ErrBusy
	}
	if err := n.network.Send(to, transport.Frame{Group: g, Payload: transport.Forward{ID: id, Op: op, Body: data}}); err != nil {
		n.forwards.remove(id)
		return 0, fmt.Errorf("%w: %v could not be reached: %w", ErrNoLeader, to, err)
	}
	return id, nil
}

// awaitLeader is await for as long as current holds. It calls overdue once late has fired.
func (n *Node) awaitLeader(ctx context.Context, leader raft.NodeID, c *call, current func() (bool, <-chan struct{}), late <-chan time.Time, overdue func()) (reply, error) {
	for {
		holds, changed := current()
		if !holds {
			return reply{}, &UnknownOutcomeError{Cause: fmt.Errorf("node: %v does not lead any more and has not answered", leader)}
		}
		select {
		case r := <-c.done:
			return r, r.err
		case <-changed:
		case <-late:
			overdue()
		case <-ctx.Done():
			return reply{}, ctx.Err()
		case <-n.stop:
			return reply{}, ErrStopping
		}
	}
}

// forwardCommand passes a command on to its leader.
func (n *Node) forwardCommand(ctx context.Context, g *group, leader raft.NodeID, c Command) (reply, error) {
	if !n.traces.sampled(ctx) {
		return n.passOn(ctx, g, leader, forwardCommand, forwardedCommand{Command: c})
	}
	ctx, span := n.traces.start(ctx, spanForward, trace.SpanKindClient, g.id, attribute.Int64(attrPeer, int64(leader)))
	op, body := forwardCommand, any(forwardedCommand{Command: c})
	if n.catalogue.Load().Level >= Level2 { // Why: before, there may be nodes that know of no traces
		parent, state := tracecontext.Of(ctx)
		op, body = forwardTraced, forwardedTrace{Command: c, Parent: parent, State: state}
	}
	r, err := n.passOn(ctx, g, leader, op, body)
	finish(span, r, err)
	return r, err
}

// ledBy is what forward asks: whether a leader that was asked may still answer.
func (g *group) ledBy(leader raft.NodeID) func() (bool, <-chan struct{}) {
	return func() (bool, <-chan struct{}) {
		changed := g.changed.next()
		now := g.status.Load()
		return now.Leader == leader || now.Leader == 0 && !now.Isolated, changed
	}
}

// tell sends a request that is not answered.
func (n *Node) tell(to raft.NodeID, g raft.GroupID, op uint8, body any) error {
	data, err := batchEncoding.Marshal(body)
	if err != nil {
		return fmt.Errorf("node: encode forward: %w", err)
	}
	return n.network.Send(to, transport.Frame{Group: g, Payload: transport.Forward{Op: op, Body: data}})
}

// serveForward takes a request that a peer passed on. It must not block.
func (n *Node) serveForward(from raft.NodeID, g raft.GroupID, f transport.Forward) {
	w := &forwardedCall{node: n, from: from, group: g, id: f.ID}
	switch f.Op {
	case forwardCommand:
		c, ok := readForward[forwardedCommand](f, w)
		if !ok {
			return
		}
		n.submitForwarded(g, w, c.Command, "", "")
	case forwardTraced:
		c, ok := readForward[forwardedTrace](f, w)
		if !ok {
			return
		}
		n.submitForwarded(g, w, c.Command, c.Parent, c.State)
	case forwardPlace:
		p, ok := readForward[forwardedPlace](f, w)
		if !ok {
			return
		}
		n.passed.tell(from, p.ID, w)
	case forwardPull:
		p, ok := readForward[forwardedPull](f, w)
		if !ok {
			return
		}
		n.deploys.pull(p, from, w)
	case forwardState, forwardProgress:
		n.serveTold(from, g, f)
	case forwardReady:
		n.deploys.ready(g, w)
	case forwardBirth:
		n.births.answerBirth(from, w)
	case forwardClaim:
		c, ok := readForward[forwardedClaim](f, w)
		if !ok {
			return
		}
		n.births.obey(from, c, w)
	case forwardGone:
		n.deploys.goneHere(g, w)
	case forwardTransfer, forwardHeir:
		n.serveLeadership(g, f, w)
	case forwardView:
		n.answerView(w)
	case forwardSilence:
		q, ok := readForward[forwardedSilence](f, w)
		if !ok {
			return
		}
		n.answerSilence(q, w)
	case forwardEcho:
		w.resolve(reply{})
	case forwardMeasure:
		m, ok := readForward[forwardedMeasure](f, w)
		if !ok {
			return
		}
		n.measureFor(from, m, w)
	default:
		w.resolve(reply{err: fmt.Errorf("node: unknown forwarded operation %d", f.Op)})
	}
}

// serveTold takes what a peer tells and wants no answer to.
func (n *Node) serveTold(from raft.NodeID, g raft.GroupID, f transport.Forward) {
	switch f.Op {
	case forwardState:
		var s forwardedState
		if err := batchDecoding.Unmarshal(f.Body, &s); err != nil {
			n.log.Warn("refused a message of a peer", "peer", uint64(from), "group", g, "err", err)
		} else if gr := n.group(g); gr != nil {
			gr.applier.hear(from, s.Check)
		}
	case forwardProgress:
		var p forwardedProgress
		if err := batchDecoding.Unmarshal(f.Body, &p); err != nil {
			n.log.Warn("refused a message of a peer", "peer", uint64(from), "group", g, "err", err)
		} else if gr := n.group(g); gr != nil {
			n.snapshots.hear(from, gr, p)
		}
	}
}

// serveLeadership takes a request to hand leadership over, or to say whether this node wants it.
func (n *Node) serveLeadership(g raft.GroupID, f transport.Forward, w waiter) {
	if f.Op == forwardHeir {
		if h, ok := readForward[forwardedHeir](f, w); ok {
			n.answerHeir(g, h, w)
		}
		return
	}
	if t, ok := readForward[forwardedTransfer](f, w); ok {
		n.transferHere(n.group(g), t.To, w)
	}
}

// readForward decodes a request. One that is malformed is answered with an error.
func readForward[T any](f transport.Forward, w waiter) (body T, ok bool) {
	if err := batchDecoding.Unmarshal(f.Body, &body); err != nil {
		w.resolve(reply{err: fmt.Errorf("node: malformed forward: %w", err)})
		return body, false
	}
	return body, true
}

// submitForwarded is submit for a command that a peer passed on, with its place in a trace or "".
func (n *Node) submitForwarded(g raft.GroupID, w *forwardedCall, c Command, parent, state string) {
	if uint64(len(c.Data)) > n.cfg.CommandBytesMax {
		w.resolve(reply{err: ErrTooLarge})
		return
	}
	n.placing.came(g, w.from)
	n.submit(g, n.traces.watchForwarded(n.ctx, g, w.from, n.passed.add(w), parent, state), c)
}

// forwardedCall is a waiter on another node.
type forwardedCall struct {
	node  *Node
	from  raft.NodeID
	group raft.GroupID
	id    uint64
	done  atomic.Bool
}

func (c *forwardedCall) resolve(r reply) {
	if !c.done.CompareAndSwap(false, true) {
		return
	}
	body, err := batchEncoding.Marshal(encodeForwardReply(r))
	if err != nil {
		c.node.log.Error("encoding a reply failed", "err", err)
		return
	}
	frame := transport.Frame{Group: c.group, Payload: transport.ForwardReply{ID: c.id, Body: body}}
	if err := c.node.network.Send(c.from, frame); err != nil {
		c.node.log.Debug("a reply could not be sent; the asker sees an unknown outcome", "peer", uint64(c.from), "err", err)
	}
}

func encodeForwardReply(r reply) forwardedReply {
	out := forwardedReply{
		Index: r.answer.Index, Term: r.answer.Term, Status: r.answer.Status, Data: r.answer.Data, Replayed: r.replayed,
	}
	if r.err == nil {
		return out
	}
	out.Code, out.Text = forwardedFailed, r.err.Error()
	var notLeader *raft.NotLeaderError
	var unknown *UnknownOutcomeError
	switch {
	case errors.As(r.err, &notLeader):
		out.Code, out.Leader = forwardedNotLeader, notLeader.Leader
	case errors.Is(r.err, raft.ErrTransferring):
		out.Code = forwardedNotLeader
	case errors.As(r.err, &unknown):
		out.Code, out.Index, out.Term = forwardedUnknown, unknown.Index, unknown.Term
	case errors.Is(r.err, ErrBusy), errors.Is(r.err, raft.ErrBackpressure):
		out.Code = forwardedBusy
	case diskFull(r.err):
		out.Code = forwardedDiskFull
	case errors.Is(r.err, raft.ErrBadTransfer):
		out.Code = forwardedBadHeir
	}
	return out
}

func decodeForwardReply(body []byte) reply {
	var r forwardedReply
	if err := batchDecoding.Unmarshal(body, &r); err != nil {
		return reply{err: &UnknownOutcomeError{Cause: fmt.Errorf("node: malformed reply: %w", err)}}
	}
	switch r.Code {
	case forwardedOK:
		return reply{answer: Answer{Index: r.Index, Term: r.Term, Status: r.Status, Data: r.Data}, replayed: r.Replayed}
	case forwardedNotLeader:
		return reply{err: &raft.NotLeaderError{Leader: r.Leader}}
	case forwardedBusy:
		return reply{err: ErrBusy}
	case forwardedDiskFull:
		return reply{err: fmt.Errorf("%w: %s", ErrDiskFull, r.Text)}
	case forwardedBadHeir:
		return reply{err: fmt.Errorf("%w (the leader says: %s)", raft.ErrBadTransfer, r.Text)}
	case forwardedFailed:
		return reply{err: errors.New(r.Text)}
	}
	return reply{err: &UnknownOutcomeError{Index: r.Index, Term: r.Term, Cause: errors.New(r.Text)}}
}
