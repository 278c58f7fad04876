package nodetest

import (
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// simClaimTimeout bounds how long a node that is not born waits for what it asked.
const simClaimTimeout = time.Second

// self is the node in its present life; 0 while it has none.
func (n *simNode) self() raft.Member {
	return raft.Member{Node: n.id, Incarnation: n.born}
}

// outlived reports whether a later life of a node is in the catalogue.
func (n *simNode) outlived(m raft.Member) bool {
	r, ok := n.catalogue.Node(m.Node)
	return m.Incarnation == 0 || ok && r.Over(m.Incarnation)
}

// newBirth prepares the birth of a node on what its disk says.
func (n *simNode) newBirth() *node.Birth {
	c := node.BirthConfig{Self: n.id, Founder: true, Settled: n.sim.identities[n.id], Nonce: n.life<<8 | uint64(n.id)}
	for _, id := range n.sim.ids() {
		if id != n.id {
			c.Others = append(c.Others, id)
		}
	}
	return node.NewBirth(n.sim.asks(c), n.sim.now())
}

// tookPart reports whether the disk knows of a vote in its life.
func (n *simNode) tookPart() bool {
	r, err := n.store.Restore(node.MetaGroup)
	return err == nil && r.HardState.Term > 0
}

// live carries out what a birth wants until the node is born.
func (n *simNode) live() {
	if n.born > 0 {
		return
	}
	n.birth.Tick(n.sim.now())
	for actions := n.birth.Next(); len(actions) > 0; actions = n.birth.Next() {
		for _, a := range actions {
			n.bear(a)
		}
	}
	if at, ok := n.birth.NextDeadline(); ok && at > n.sim.now() {
		n.later(at-n.sim.now(), func() {})
	}
}

func (n *simNode) bear(a node.BirthAction) {
	switch {
	case a.Settle != nil:
		life := *a.Settle
		n.later(n.sim.cfg.DiskMin, func() {
			n.sim.identities[n.id] = life
			n.birth.Settled()
		})
	case a.Begin != nil:
		if err := n.begin(*a.Begin); err != nil {
			n.sim.violate("%v in its life %d: %v", n.id, *a.Begin, err)
		}
	case a.Claim != nil:
		n.claim(*a.Claim)
	default:
		for _, peer := range a.Ask {
			n.askBirth(peer)
		}
	}
}

// askBirth asks one node; silence is no answer.
func (n *simNode) askBirth(peer raft.NodeID) {
	delay := between(n.sim.draw("birth", n.id), n.sim.cfg.DelayMin, 2*n.sim.cfg.DelayMax)
	n.later(delay, func() {
		p := n.sim.nodes[peer]
		if p == nil || n.born > 0 || !n.sim.reachable(n.id, peer) || !n.sim.reachable(peer, n.id) {
			return
		}
		a := node.BirthAnswer{Stage: node.StageBorn}
		if p.born == 0 {
			a.Stage = p.birth.Stage()
		} else if r, ok := p.catalogue.Node(n.id); ok {
			a.Known, a.Life = r.State < node.NodeLeaving, r.Incarnation
		}
		n.birth.Answered(peer, a)
	})
}

// claim has the meta group obey a claim, through a peer.
func (n *simNode) claim(c node.BirthClaim) {
	data, err := node.ClaimCommand(n.id, c.From, c.Nonce)
	if err != nil {
		n.sim.violate("claim: %v", err)
		return
	}
	var to raft.NodeID
	if p := n.sim.nodes[c.Peer]; p != nil {
		to = p.shard.Status(node.MetaGroup).Leader
	}
	n.ask(to, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(a node.Answer, err error) {
		life := raft.Incarnation(0)
		if err == nil {
			life, err = node.DecodeIncarnation(a.Status, a.Data)
		}
		n.birth.Claimed(life, err)
	})
}

// seat carries out what the seating wants.
func (n *simNode) seat() {
	n.seating.Tick(n.sim.now())
	for _, a := range n.seating.Next() {
		switch {
		case a.Change != nil:
			n.sim.result.Changes++
			n.shard.ChangeSeats(a.Group, a.Expected, *a.Change, n.sim.cfg.ElectionTimeout)
		case a.StepAside:
			n.shard.HandOver(a.Group)
		default:
			n.reportSeats(a.Group, *a.Report)
		}
		n.later(0, func() {}) // what the shard wants now
	}
	if at, ok := n.seating.NextDeadline(); ok && at > n.sim.now() {
		n.later(at-n.sim.now(), func() {})
	}
}

func (n *simNode) reportSeats(g raft.GroupID, seats node.Seats) {
	if st := n.shard.Status(g); st.Commit < seats.Index || st.Configuration.Index != seats.Index {
		n.seating.Reported(g, seats.Index, raft.ErrChangePending)
		return
	}
	data, err := node.SeatsCommand(g, seats)
	if err != nil {
		n.sim.violate("report of seats: %v", err)
		return
	}
	to := n.shard.Status(node.MetaGroup).Leader
	n.ask(to, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(_ node.Answer, err error) {
		n.seating.Reported(g, seats.Index, err)
	})
}

// planWipes schedules crashes that take a whole disk with them.
func (s *Sim) planWipes() {
	for i := range s.cfg.Wipes {
		r := s.chance.at("wipe", uint64(i))
		id, at, down := raft.NodeID(1+r.IntN(s.cfg.Nodes)), between(r, 4*time.Second, 38*time.Second), between(r, time.Millisecond, 3*time.Second)
		s.events.after(at, func() { s.wipe(id, down) })
	}
}

// wipe empties a node's disk, as soon as the others can spare it.
func (s *Sim) wipe(id raft.NodeID, down time.Duration) {
	if !s.spareNode(id) {
		if s.faulty {
			s.events.after(200*time.Millisecond, func() { s.wipe(id, down) })
		}
		return
	}
	s.empty(id)
	s.result.Wipes++
	s.events.after(down, func() {
		if s.nodes[id] == nil {
			s.boot(id)
		}
	})
}

// empty crashes a node, and all that was on its disk is gone.
func (s *Sim) empty(id raft.NodeID) {
	s.crash(id)
	s.stores[id], s.mods[id], s.identities[id] = NewMemStore(), map[node.Digest]bool{}, s.emptied(s.identities[id])
	for k := range s.disks {
		if k.node == id {
			delete(s.disks, k)
		}
	}
}

// spareNode reports whether all others vote everywhere in the life that their disks are
// in, as far as any of them knows, and have what this disk has of modules. The node
// itself may be on its way back from an earlier wipe. While one leaves it is not: a group may have
// let it go, and the catalogue not know of that yet.
func (s *Sim) spareNode(id raft.NodeID) bool {
	if s.group == 0 || s.churning.replaces(id) {
		return false
	}
	newest := s.newestCatalogue()
	for _, other := range s.ids() {
		if other != id && !s.votesIn(newest, other) {
			return false
		}
	}
	for d := range s.mods[id] {
		if !s.spare(id, d) {
			return false
		}
	}
	return true
}

// seated reports whether every group has every node as a voter in its present life.
func (s *Sim) seated() bool {
	for _, id := range s.ids() {
		n := s.nodes[id]
		for _, g := range []raft.GroupID{node.MetaGroup, s.group} {
			known, _ := n.catalogue.SeatsOf(g)
			at := n.shard.Status(g).Configuration
			if at.Configuration.Joint() || known.Index != at.Index || len(at.Configuration.Voters) != s.cfg.Nodes ||
				slices.ContainsFunc(s.ids(), func(o raft.NodeID) bool {
					return !at.Configuration.VotesAs(raft.Member{Node: o, Incarnation: s.identities[o]})
				}) {
				return false
			}
		}
	}
	return true
}

// voteKey names a vote: a life of a node has one in each term of each group.
type voteKey struct {
	group raft.GroupID
	voter raft.Member
	term  raft.Term
}

// checkVotes holds the grants that leave a node against what its life granted before.
func (s *Sim) checkVotes(n *simNode) {
	for _, o := range n.out.Sends {
		v, ok := o.Frame.Payload.(raft.VoteReply)
		if !ok || !v.Granted {
			continue
		}
		k := voteKey{o.Frame.Group, n.self(), v.Term}
		if to, voted := s.votes[k]; voted && to != o.To {
			s.violate("%v votes for %v and %v in term %d of group %d, in its life %d", n.id, to, o.To, v.Term, k.group, n.born)
		}
		s.votes[k] = o.To
	}
}
