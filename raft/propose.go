package raft

import "github.com/wraft/wraft/raft/mutant"

// Proposal asks for an entry to be appended to the log.
type Proposal struct {
	ID   ProposalID
	Type EntryType // EntryCommand
	Data []byte    // kept by the core; it must not change any more
}

// pendingProposal is a proposal in the log without an outcome.
type pendingProposal struct {
	id    ProposalID
	index Index
	bytes uint64
}

// Propose asks for entries in the order given. Each proposal is answered by
// Effects.Accepted and later by Effects.Results, or by Results alone when it was
// dropped: ErrNotLeader, ErrBackpressure, ErrTransferring, ErrProposalTooLarge,
// ErrBadProposal, ErrDiskFull or ErrDiskFailed.
func (c *Core) Propose(ps ...Proposal) {
	if c.failed != nil || c.role != Leader {
		c.dropAll(ps)
		return
	}
	for i := range ps {
		p := &ps[i]
		if err := c.refusal(p); err != nil {
			c.fx.Results = append(c.fx.Results, ProposalResult{ID: p.ID, Outcome: OutcomeDropped, Err: err})
			continue
		}
		index := c.appendOwn(p.Type, p.Data)
		bytes := uint64(len(p.Data)) + entryOverheadBytes
		c.proposals.push(pendingProposal{id: p.ID, index: index, bytes: bytes})
		c.uncommitted += bytes
		c.fx.Accepted = append(c.fx.Accepted, ProposalAccepted{ID: p.ID, Index: index, Term: c.term})
	}
}

// dropAll refuses proposals at a node that cannot take any.
func (c *Core) dropAll(ps []Proposal) {
	err := ErrDiskFailed
	if c.failed == nil {
		err = &NotLeaderError{Leader: c.leader}
	}
	for i := range ps {
		c.fx.Results = append(c.fx.Results, ProposalResult{ID: ps[i].ID, Outcome: OutcomeDropped, Err: err})
	}
}

// refusal returns why p cannot be taken now; nil when it can.
func (c *Core) refusal(p *Proposal) error {
	bytes := uint64(len(p.Data)) + entryOverheadBytes
	switch {
	case p.Type != EntryCommand:
		return ErrBadProposal
	case c.transfer.to != 0:
		return ErrTransferring
	case uint64(len(p.Data)) > c.cfg.EntryBytesMax:
		return ErrProposalTooLarge
	case c.roomless():
		return ErrDiskFull
	case c.proposals.len() >= c.cfg.PendingProposalsMax:
		return ErrBackpressure
	case c.uncommitted > 0 && c.uncommitted+bytes > c.cfg.UncommittedBytesMax:
		return ErrBackpressure
	case c.log.bytes > 2*c.cfg.CacheBytesMax+c.cfg.UncommittedBytesMax:
		// Why: followers may commit without this disk, but what is not durable here
		// stays in memory.
		return ErrBackpressure
	}
	return nil
}

// settleProposals tells which proposals the commit index has reached.
func (c *Core) settleProposals() {
	for c.proposals.len() > 0 && c.proposals.at(0).index <= c.commit {
		p := c.proposals.pop()
		c.uncommitted -= p.bytes
		c.fx.Results = append(c.fx.Results, ProposalResult{
			ID: p.id, Outcome: OutcomeCommitted, Index: p.index, Term: c.term,
		})
	}
}

// abandonProposals tells that this node will not learn what becomes of its
// proposals: a later leader may commit them or not.
func (c *Core) abandonProposals() {
	for c.proposals.len() > 0 {
		p := c.proposals.pop()
		r := ProposalResult{ID: p.id, Outcome: OutcomeUnknown, Index: p.index, Term: c.term, Err: ErrLeadershipLost}
		if mutant.On(mutant.DroppedForUnknown) {
			r.Outcome, r.Err = OutcomeDropped, &NotLeaderError{Leader: c.leader}
		}
		c.fx.Results = append(c.fx.Results, r)
	}
	c.proposals.reset()
	c.uncommitted = 0
}
