package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// forwardedTransfer asks a leader to hand leadership over; 0: to whoever is fittest.
type forwardedTransfer struct {
	_  struct{} `cbor:",toarray"`
	To raft.NodeID
}

// TransferLeadership hands the leadership of a group to a voter, or with 0 to the one that
// is fittest to lead, and returns who leads once this node knows. Nothing is lost by it:
// commands wait for the new leader, for some round trips as a rule. That the voter leads
// already is no error. Errors: raft.ErrBadTransfer for who cannot lead, ErrNoMachine,
// ErrNoLeader, ErrTimeout when it does not come about in time, and those of Call.
func (n *Node) TransferLeadership(ctx context.Context, id raft.GroupID, to raft.NodeID) (raft.NodeID, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	if _, err := n.awaitMeta(ctx); err != nil {
		return 0, err
	}
	g, err := n.awaitGroup(ctx, id)
	if err != nil {
		return 0, err
	}
	last, first := error(ErrNoLeader), raft.NodeID(0)
	for {
		changed := g.changed.next()
		leader := g.status.Load().Leader
		if first == 0 {
			first = leader
		}
		if leader != 0 && (leader == to || to == 0 && leader != first) {
			return leader, nil
		}
		if leader != 0 {
			last = n.askToTransfer(ctx, g, leader, to)
			if errors.Is(last, raft.ErrBadTransfer) {
				return 0, last
			}
			if last == nil {
				last = raft.ErrTransferring
			}
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(retryPause).C(): // Why again: a transfer may be given up, or be under way to another node
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: the leadership of group %d has not gone over: %w", ErrTimeout, id, last)
		case <-n.stop:
			return 0, ErrStopping
		}
	}
}

// askToTransfer has the leader begin; nil says that it has.
func (n *Node) askToTransfer(ctx context.Context, g *group, leader, to raft.NodeID) error {
	if leader != n.cfg.Self {
		_, err := n.forward(ctx, leader, g.id, forwardTransfer, forwardedTransfer{To: to}, g.ledBy(leader))
		return err
	}
	c := newCall()
	n.transferHere(g, to, c)
	_, err := n.await(ctx, c)
	return err
}

// transferHere answers whether this node, as leader, has begun to hand over.
func (n *Node) transferHere(g *group, to raft.NodeID, w waiter) {
	if g == nil {
		w.resolve(reply{err: &raft.NotLeaderError{}})
		return
	}
	if !g.shard.in.put(func(s *Shard) { w.resolve(reply{err: s.TransferTo(g.id, to, TransferAsked)}) }) {
		w.resolve(reply{err: ErrBusy})
	}
}
