package node

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

const (
	// absencesEvery is how often a node looks which of the others it hears.
	absencesEvery = time.Second
	// absencesGapMax bounds what one look adds to a silence.
	absencesGapMax = 2 * absencesEvery
)

// Absences counts for how long a node has not heard each of the others since it started.
// It is a step machine without answers: Look takes in what the links are like.
//
// Why a look counts for little however long the last one is ago: a process that was halted
// for days has not listened for days, and knows nothing of the others.
type Absences struct {
	last  time.Duration
	nodes map[raft.NodeID]absence
}

// absence is what is remembered of one node.
type absence struct {
	silent     time.Duration
	reconnects uint64
}

// Look takes in the links as they are now. A node that is none of the peers any more is
// forgotten.
func (a *Absences) Look(links []transport.LinkStats, now time.Duration) {
	gap := min(now-a.last, absencesGapMax)
	seen := make(map[raft.NodeID]absence, len(links))
	for _, l := range links {
		was, known := a.nodes[l.Peer]
		is := absence{reconnects: l.Reconnects}
		if known && !l.Up && l.Reconnects == was.reconnects {
			is.silent = was.silent + gap
		}
		seen[l.Peer] = is
	}
	a.last, a.nodes = now, seen
}

// Silent is for how long a node has not been heard; known is false for one that is no peer.
func (a *Absences) Silent(id raft.NodeID) (d time.Duration, known bool) {
	is, known := a.nodes[id]
	return is.silent, known
}

// forwardedSilence asks a node for how long it has not heard another one.
type forwardedSilence struct {
	_    struct{} `cbor:",toarray"`
	Node raft.NodeID
}

// silenceAnswer is the answer.
type silenceAnswer struct {
	_      struct{} `cbor:",toarray"`
	Known  bool
	Silent time.Duration
}

// watch is what a node's goroutines share of its absences.
type watch struct {
	mu       sync.Mutex // guards absences
	absences Absences
	removed  atomic.Uint64 // nodes that this one had removed because nobody reached them
}

// runWatch is the goroutine that looks after the others, and at the meta group's leader has
// those removed that nobody reaches.
func (n *Node) runWatch() {
	timer := n.clock.NewTimer(absencesEvery)
	defer timer.Stop()
	var next time.Duration
	for {
		select {
		case <-n.stop:
			return
		case <-timer.C():
		}
		timer.Reset(absencesEvery)
		now, links := n.clock.Now(), n.network.Links()
		n.watch.mu.Lock()
		n.watch.absences.Look(links, now)
		n.watch.mu.Unlock()
		if n.cfg.RemoveDeadAfter > 0 && now >= next && n.Leader(MetaGroup) == n.cfg.Self {
			if n.removeDead(links) {
				next = now + removeDeadPause
			}
		}
	}
}

func (w *watch) silent(id raft.NodeID) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.absences.Silent(id)
}

// answerSilence tells a peer for how long this node has not heard another one.
func (n *Node) answerSilence(q forwardedSilence, w waiter) {
	var a silenceAnswer
	a.Silent, a.Known = n.watch.silent(q.Node)
	data, err := batchEncoding.Marshal(a)
	w.resolve(reply{answer: Answer{Data: data}, err: err})
}

// silenceAt asks a peer for how long it has not heard another node.
func (n *Node) silenceAt(ctx context.Context, peer, id raft.NodeID) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, silenceTimeout)
	defer cancel()
	r, err := n.forward(ctx, peer, MetaGroup, forwardSilence, forwardedSilence{Node: id}, nil)
	if err != nil {
		return 0, err
	}
	var a silenceAnswer
	if err := batchDecoding.Unmarshal(r.answer.Data, &a); err != nil {
		return 0, fmt.Errorf("node: malformed answer: %w", err)
	}
	if !a.Known {
		return 0, fmt.Errorf("%w: %v does not know %v", ErrUnknownNode, peer, id)
	}
	return a.Silent, nil
}
