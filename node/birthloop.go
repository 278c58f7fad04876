package node

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// Life says what a node's disk knows of its life.
type Life struct {
	// Incarnation is the life that the disk belongs to; 0: it is empty.
	Incarnation raft.Incarnation
	// Recovered is the index of the meta group's entry that tells of the recovery which
	// began the life; 0: none did. Until the catalogue has it nobody else is heard: it
	// says whose lives are over.
	Recovered raft.Index
	// Past says that there was a store that had to be set aside.
	Past bool
	// Settle makes a life durable, once.
	Settle func(raft.Incarnation) error
}

const (
	// birthTimeout bounds how long one node is asked for one thing.
	birthTimeout = 2 * time.Second
	// birthWordEvery is how often a node that is not born yet says why.
	birthWordEvery = 10 * time.Second
	// claimsMax bounds the claims of peers that are under way here.
	claimsMax = 8
)

// forwardedBirth asks a node how far it is, and what it knows of the asker.
type forwardedBirth struct {
	_ struct{} `cbor:",toarray"`
}

// forwardedClaim asks a node to have the meta group obey a claim of the sender.
type forwardedClaim struct {
	_     struct{} `cbor:",toarray"`
	From  raft.Incarnation
	Nonce uint64
}

// birthLoop drives a Birth.
type birthLoop struct {
	node   *Node
	birth  *Birth
	in     *mailbox[func(*Birth)]
	settle func(raft.Incarnation) error
	stage  atomic.Uint32 // a BirthStage, published for others
	claims chan struct{} // a token per claim of a peer
	wordAt time.Duration
}

// newBirthLoop prepares the birth of a node; without a life to find out it is born.
func newBirthLoop(n *Node, life *Life) *birthLoop {
	l := &birthLoop{node: n, in: newMailbox[func(*Birth)](1 << 10), claims: make(chan struct{}, claimsMax)}
	if life == nil {
		l.stage.Store(uint32(StageBorn))
		return l
	}
	c := BirthConfig{Self: n.cfg.Self, Past: life.Past, Settled: life.Incarnation, Nonce: n.cfg.Seed | 1}
	for _, r := range n.cfg.Nodes {
		switch {
		case r.ID == n.cfg.Self:
			c.Founder = r.State == NodeVoter
		case r.State == NodeVoter:
			c.Others = append(c.Others, r.ID)
		}
	}
	l.settle = life.Settle
	l.birth = NewBirth(c, n.clock.Now())
	l.wordAt = n.clock.Now() + birthWordEvery
	l.stage.Store(uint32(l.birth.Stage()))
	return l
}

// Stage is how far the node is; for any goroutine.
func (l *birthLoop) Stage() BirthStage { return BirthStage(l.stage.Load()) }

// meet has others asked too, while the node is not born.
func (l *birthLoop) meet(others []NodeRecord) {
	if l.Stage() == StageBorn {
		return
	}
	var ids []raft.NodeID
	for _, r := range others {
		ids = append(ids, r.ID)
	}
	l.in.put(func(b *Birth) { b.Meet(ids) }) // Why unchecked: who is there comes again
}

// run is the birth goroutine. It ends with the birth.
func (l *birthLoop) run() {
	ctx, cancel := context.WithCancel(l.node.ctx)
	defer cancel()
	var inputs []func(*Birth)
	timer := l.node.clock.NewTimer(0)
	defer timer.Stop()
	for l.Stage() != StageBorn {
		select {
		case <-l.node.stop:
			return
		case <-l.in.wake:
		case <-timer.C():
		}
		l.birth.Tick(l.node.clock.Now())
		inputs = l.in.take(inputs)
		for _, in := range inputs {
			in(l.birth)
		}
		if err := l.act(ctx); err != nil {
			l.node.fail(err)
			return
		}
		l.word()
		if at, ok := l.birth.NextDeadline(); ok {
			timer.Reset(max(at-l.node.clock.Now(), 0))
		}
	}
}

// act does what is to be done until there is nothing more now.
func (l *birthLoop) act(ctx context.Context) error {
	for actions := l.birth.Next(); len(actions) > 0; actions = l.birth.Next() {
		for _, a := range actions {
			if err := l.do(ctx, a); err != nil {
				return err
			}
		}
		l.stage.Store(uint32(l.birth.Stage()))
	}
	return nil
}

func (l *birthLoop) do(ctx context.Context, a BirthAction) error {
	switch {
	case a.Settle != nil:
		if err := l.settle(*a.Settle); err != nil {
			return fmt.Errorf("node: settle in life %d: %w", *a.Settle, err)
		}
		l.birth.Settled()
	case a.Begin != nil:
		l.node.log.Info("taking part in the cluster", "incarnation", uint64(*a.Begin))
		return l.node.begin(*a.Begin)
	case a.Claim != nil:
		claim := *a.Claim
		l.node.spawn(func() {
			life, err := l.claim(ctx, claim)
			l.in.force(func(b *Birth) { b.Claimed(life, err) })
		})
	default:
		for _, peer := range a.Ask {
			l.node.spawn(func() { l.ask(ctx, peer) })
		}
	}
	return nil
}

// ask gets one node's answer. Silence is none.
func (l *birthLoop) ask(ctx context.Context, peer raft.NodeID) {
	ctx, cancel := context.WithTimeout(ctx, birthTimeout)
	defer cancel()
	r, err := l.node.forward(ctx, peer, MetaGroup, forwardBirth, forwardedBirth{}, nil)
	if err != nil {
		return
	}
	var a BirthAnswer
	if err := batchDecoding.Unmarshal(r.answer.Data, &a); err != nil {
		l.node.log.Warn("refused a message of a peer", "peer", uint64(peer), "err", err)
		return
	}
	l.in.force(func(b *Birth) { b.Answered(peer, a) })
}

func (l *birthLoop) claim(ctx context.Context, c BirthClaim) (raft.Incarnation, error) {
	ctx, cancel := l.node.bound(ctx)
	defer cancel()
	r, err := l.node.forward(ctx, c.Peer, MetaGroup, forwardClaim, forwardedClaim{From: c.From, Nonce: c.Nonce}, nil)
	if err != nil {
		return 0, err
	}
	return DecodeIncarnation(r.answer.Status, r.answer.Data)
}

// word tells from time to time why the node is not born yet.
func (l *birthLoop) word() {
	if now := l.node.clock.Now(); now >= l.wordAt && l.Stage() != StageBorn {
		l.wordAt = now + birthWordEvery
		l.node.log.Warn("this node takes no part in the cluster yet", "why", l.birth.Explain(), "err", l.birth.Refused())
	}
}

// answerBirth tells a peer how far this node is.
func (l *birthLoop) answerBirth(to raft.NodeID, w waiter) {
	a := BirthAnswer{Stage: l.Stage()}
	if a.Stage == StageBorn {
		r, known := l.node.catalogue.Load().Node(to)
		a.Known, a.Life = known && r.State < NodeLeaving, r.Incarnation
	}
	data, err := batchEncoding.Marshal(a)
	w.resolve(reply{answer: Answer{Data: data}, err: err})
}

// obey has the meta group obey a peer's claim to a life.
func (l *birthLoop) obey(from raft.NodeID, c forwardedClaim, w waiter) {
	select {
	case l.claims <- struct{}{}:
	default:
		w.resolve(reply{err: ErrBusy})
		return
	}
	l.node.spawn(func() {
		defer func() { <-l.claims }()
		ctx, cancel := l.node.bound(l.node.ctx)
		defer cancel()
		data, err := ClaimCommand(from, c.From, c.Nonce)
		if err != nil {
			w.resolve(reply{err: err})
			return
		}
		r, err := l.node.replicateIdempotent(ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
		r.err = err
		w.resolve(r)
	})
}

// unborn reports whether a peer's life does not count: it has none, or a later one of
// its node is in the catalogue. Such a peer may only ask for its birth.
func (n *Node) unborn(from raft.Member) bool {
	if n.recovering() {
		return true
	}
	r, known := n.catalogue.Load().Node(from.Node)
	return from.Incarnation == 0 || known && r.Over(from.Incarnation)
}

// recovering reports whether this life began with a recovery that is not in the catalogue
// yet.
func (n *Node) recovering() bool { return n.catalogue.Load().Index < n.recovered }

// aboutBirth reports whether a frame is part of the talk before a birth.
func aboutBirth(f transport.Frame) bool {
	switch p := f.Payload.(type) {
	case transport.Forward:
		return p.Op == forwardBirth || p.Op == forwardClaim
	case transport.ForwardReply:
		return true
	}
	return false
}
