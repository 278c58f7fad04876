package node

import (
	"context"
	"fmt"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

const (
	// removeDeadPause is how long the meta group's leader waits behind a try.
	removeDeadPause = 30 * time.Second
	// silenceTimeout bounds how long a peer is asked.
	silenceTimeout = time.Second
	// removeDeadBy is who asks for the removal in the audit.
	removeDeadBy = "members.remove-dead-after"
)

// metaUnsafe: a node that nobody reaches stays, since too few voters would be left; the
// answer says why.
const metaUnsafe int32 = 44

// removeDeadCommand has a node leave that nobody has reached for long, if at least MinVoters
// others vote in every group, and no other node is leaving.
type removeDeadCommand struct {
	Node      raft.NodeID      `cbor:"1,keyasint"`
	Life      raft.Incarnation `cbor:"2,keyasint"` // in which it is dead
	MinVoters int              `cbor:"3,keyasint"`
	Silent    time.Duration    `cbor:"4,keyasint"` // the least for which somebody has not heard it, for the audit
}

// removeDead obeys the command where the catalogue as it is now allows it.
// Why here again: whoever asks may have been deposed, and the next leader may have asked
// for another node to be removed.
func (m *MetaMachine) removeDead(index raft.Index, c removeDeadCommand) plugins.Result {
	if why := m.catalogue.keeps(c.Node, c.Life, c.MinVoters); why != "" {
		return plugins.Result{Status: metaUnsafe, Data: []byte(why)}
	}
	return m.moveNode(index, moveNodeCommand{Node: c.Node, To: NodeLeaving})
}

// keeps says why a node that nobody reaches in a life has to stay all the same; "": it may
// go. A learner counts in no majority.
func (c *Catalogue) keeps(id raft.NodeID, life raft.Incarnation, minVoters int) (why string) {
	dead, known := c.Node(id)
	switch {
	case !known || dead.State >= NodeLeaving:
		return fmt.Sprintf("%v is no member", id)
	case life == 0 || dead.Incarnation != life:
		return fmt.Sprintf("%v is in its life %d", id, dead.Incarnation)
	}
	left := 0
	for _, n := range c.Nodes {
		switch {
		case n.State == NodeLeaving:
			return fmt.Sprintf("%v is leaving: one at a time", n.ID)
		case n.ID != id && n.State == NodeVoter && c.votesEverywhere(n):
			left++
		}
	}
	if dead.State == NodeVoter && left < minVoters {
		return fmt.Sprintf("%d voters would be left, %d have to be", left, minVoters)
	}
	return ""
}

// RemovalPolicy says which of the nodes that nobody reaches may be removed.
type RemovalPolicy struct {
	After time.Duration // for how long nobody has reached it
	// MinVoters is how many others have to vote in every group, and answer. With 3 or more
	// the cluster goes on tolerating the failure of (MinVoters-1)/2 of them.
	MinVoters int
}

// Pick chooses the node that is to go next, the one that was silent longest. up says who
// answers, silent for how long somebody has not been heard. Nodes that were never up are
// not dead: somebody has yet to start them.
func (p RemovalPolicy) Pick(c *Catalogue, up func(raft.NodeID) bool, silent func(raft.NodeID) time.Duration) (dead NodeRecord, found bool) {
	longest := max(p.After, 1)
	for _, n := range c.Nodes {
		d := silent(n.ID)
		if up(n.ID) || d < longest || c.keeps(n.ID, n.Incarnation, p.MinVoters) != "" || !p.safe(c, n, up) {
			continue
		}
		dead, found, longest = n, true, d+1
	}
	return dead, found
}

// safe reports whether those who answer are enough without a node.
func (p RemovalPolicy) safe(c *Catalogue, dead NodeRecord, up func(raft.NodeID) bool) bool {
	e := c.Effect(dead.ID, NodeLeaving, up)
	return e.There > e.After/2 && (dead.State != NodeVoter || e.There >= p.MinVoters)
}

// removeDead has a node leave that nobody has reached for as long as the configuration
// says; tried is false where there is none.
func (n *Node) removeDead(links []transport.LinkStats) (tried bool) {
	c := n.catalogue.Load()
	up := map[raft.NodeID]bool{n.cfg.Self: true}
	for _, l := range links {
		up[l.Peer] = l.Up
	}
	policy := RemovalPolicy{After: n.cfg.RemoveDeadAfter, MinVoters: n.cfg.MinVoters}
	silent := func(id raft.NodeID) time.Duration {
		d, _ := n.watch.silent(id)
		return d
	}
	dead, found := policy.Pick(c, func(id raft.NodeID) bool { return up[id] }, silent)
	if !found || c.Level < Level2 {
		return false
	}
	ctx, cancel := n.bound(n.ctx)
	defer cancel()
	least, err := n.unheard(ctx, dead.ID, silent(dead.ID), links)
	if err == nil {
		err = n.dismiss(ctx, removeDeadCommand{Node: dead.ID, Life: dead.Incarnation, MinVoters: policy.MinVoters, Silent: least})
	}
	if err != nil {
		n.log.Info("a node that this one does not reach stays", "peer", uint64(dead.ID), "err", err)
		return true
	}
	n.watch.removed.Add(1)
	n.log.Warn("a node that nobody reaches is removed; to take its machine back, add it again and start it with an empty data directory",
		"peer", uint64(dead.ID), "incarnation", uint64(dead.Incarnation), "silent", least.Round(time.Second))
	return true
}

// unheard asks all who answer whether they have not heard a node either, and returns the
// shortest silence.
func (n *Node) unheard(ctx context.Context, id raft.NodeID, least time.Duration, links []transport.LinkStats) (time.Duration, error) {
	for _, l := range links {
		if !l.Up {
			continue
		}
		d, err := n.silenceAt(ctx, l.Peer, id)
		switch {
		case err != nil:
			return 0, fmt.Errorf("ask %v: %w", l.Peer, err)
		case d < n.cfg.RemoveDeadAfter:
			return 0, fmt.Errorf("%v has heard it %v ago, or listens since then", l.Peer, d.Round(time.Second))
		}
		least = min(least, d)
	}
	return least, nil
}

// dismiss replicates the command.
func (n *Node) dismiss(ctx context.Context, c removeDeadCommand) error {
	r, err := n.replicateLater(AskedBy(ctx, removeDeadBy, n.wall()), laterCommand{RemoveDead: &c})
	if err != nil {
		return err
	}
	if r.answer.Status == metaUnsafe {
		return fmt.Errorf("%w: %s", ErrUnsafeChange, r.answer.Data)
	}
	return nodesError(fmt.Sprintf("remove %v", c.Node), r.answer)
}

// DeadRemoved counts the nodes that this one, as the meta group's leader, had removed because
// nobody reached them.
func (n *Node) DeadRemoved() uint64 { return n.watch.removed.Load() }
