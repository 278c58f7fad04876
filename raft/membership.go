package raft

import (
	"cmp"
	"slices"

	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/tracker"
)

// Change is one step of a change of configuration.
type Change = confchange.Change

// The kinds of Change, see package confchange.
const (
	AddLearner = confchange.AddLearner
	Promote    = confchange.Promote
	Demote     = confchange.Demote
	Remove     = confchange.Remove
)

// ChangeRequest asks for a change of configuration.
type ChangeRequest struct {
	ID ProposalID
	// Expected is the index of the configuration the caller looked at; the change
	// is refused when another one is in force.
	Expected Index
	Changes  []Change
}

// pendingChange is the change of this leader that has no outcome yet.
type pendingChange struct {
	id   ProposalID
	open bool
}

// ChangeConfig asks for a change of configuration, one at a time. It is answered
// like a proposal: Effects.Accepted names the entry that begins it, and the result
// the one that ends it, once that is committed. A change of voters goes through a
// joint configuration, which the leader ends by itself (Raft paper §6); every
// configuration is in force as soon as it is appended.
//
// It is dropped with ErrNotLeader, ErrNotReady, ErrConfChanged, ErrChangePending,
// ErrTransferring, ErrLearnerBehind, ErrInvalidChange or ErrDiskFailed. A change
// that has begun before leadership is lost is unknown; a later leader ends it when
// its first half is in that leader's log.
func (c *Core) ChangeConfig(r ChangeRequest) {
	next, err := c.judgeChange(r)
	if err != nil {
		c.fx.Results = append(c.fx.Results, ProposalResult{ID: r.ID, Outcome: OutcomeDropped, Err: err})
		return
	}
	c.change = pendingChange{id: r.ID, open: true}
	index := c.appendConfig(next)
	c.fx.Accepted = append(c.fx.Accepted, ProposalAccepted{ID: r.ID, Index: index, Term: c.term})
}

// judgeChange returns the configuration that begins a change, or why there is none.
func (c *Core) judgeChange(r ChangeRequest) (Configuration, error) {
	at := c.configs[len(c.configs)-1]
	switch {
	case c.failed != nil:
		return Configuration{}, ErrDiskFailed
	case c.role != Leader:
		return Configuration{}, &NotLeaderError{Leader: c.leader}
	case c.transfer.to != 0:
		return Configuration{}, ErrTransferring
	case c.commit < c.noop && !mutant.On(mutant.ChangeBeforeNoop):
		// Why: an earlier leader's configuration may be committed without being
		// known here; the no-op makes sure that the two cannot pass each other.
		return Configuration{}, ErrNotReady
	case r.Expected != at.Index:
		return Configuration{}, ErrConfChanged
	case at.Index > c.commit || at.Configuration.Joint():
		return Configuration{}, ErrChangePending
	}
	next, err := at.Configuration.Changed(r.Changes...)
	if err != nil {
		return Configuration{}, err
	}
	for _, ch := range r.Changes {
		if ch.Kind == Promote && !c.caughtUp(ch.Node) {
			return Configuration{}, ErrLearnerBehind
		}
	}
	return next, nil
}

// caughtUp reports whether a learner lives and lacks so little of the log that
// commits which need it will not wait for long. What left the cache is too much.
func (c *Core) caughtUp(id NodeID) bool {
	p := c.follower(id)
	if p == nil || p.State != tracker.Replicate || c.now >= p.Heard+c.cfg.ElectionTimeoutMin {
		return false
	}
	if p.Match+1 < c.log.cachedFrom() {
		return false
	}
	return sizeOf(c.log.slice(p.Match+1, c.log.last+1)) <= c.cfg.LearnerLagBytesMax
}

// appendConfig appends a configuration of this leader, which is in force at once.
func (c *Core) appendConfig(next Configuration) Index {
	data := next.Encode()
	index := c.appendOwn(EntryConfig, data)
	c.addConfig(Entry{Index: index, Term: c.term, Type: EntryConfig, Data: data})
	return index
}

// settleConfig does what follows on the commit of the configuration in force. A
// leader waits for its term's no-op first, like with every change.
func (c *Core) settleConfig() {
	at := c.configs[len(c.configs)-1]
	if !c.configOpen || at.Index > c.commit || c.commit < c.noop {
		return
	}
	if at.Configuration.Joint() {
		c.appendConfig(at.Configuration.End())
		return
	}
	c.configOpen = false
	if c.change.open {
		c.change.open = false
		c.fx.Results = append(c.fx.Results, ProposalResult{
			ID: c.change.id, Outcome: OutcomeCommitted, Index: at.Index, Term: c.term,
		})
	}
	if !at.Configuration.VotesAs(c.self()) {
		c.retire()
		return
	}
	c.followConfig()
}

// abandonChange tells that this node will not learn what becomes of its change.
func (c *Core) abandonChange() {
	if c.change.open {
		c.fx.Results = append(c.fx.Results, ProposalResult{
			ID: c.change.id, Outcome: OutcomeUnknown, Err: ErrLeadershipLost,
		})
	}
	c.change = pendingChange{}
}

// followConfig makes the leader follow everybody named by the configuration in
// force, or by one before it that may still be the committed one: who is removed
// keeps receiving until that is certain, so that it learns of it.
func (c *Core) followConfig() {
	wanted := map[NodeID]bool{}
	for i := len(c.configs) - 1; i >= 0; i-- {
		for _, id := range c.configs[i].Configuration.Nodes() {
			wanted[id] = true
		}
		if c.configs[i].Index <= c.commit {
			break
		}
	}
	delete(wanted, c.cfg.ID)
	kept := make([]*tracker.Progress, 0, len(wanted))
	for _, p := range c.followers {
		if wanted[p.ID] {
			kept = append(kept, p)
			delete(wanted, p.ID)
		} else {
			c.dismiss(p)
			c.stopSending(p)
		}
	}
	for id := range wanted {
		p := tracker.New(id, c.log.last, c.now, c.limits)
		p.SetPath(c.paths[id])
		kept = append(kept, p)
	}
	slices.SortFunc(kept, func(a, b *tracker.Progress) int { return cmp.Compare(a.ID, b.ID) })
	c.followers = kept
}

// dismiss tells a follower for the last time what is committed.
func (c *Core) dismiss(p *tracker.Progress) {
	if m, ok := c.appendAt(p.Next - 1); ok {
		c.send(p.ID, m)
	}
}

// retire ends the leadership of a node that the committed configuration does not
// let vote: the others learn of the commit, and the most up-to-date voter is to
// campaign at once (Raft thesis §4.2.2).
func (c *Core) retire() {
	for _, p := range c.followers {
		c.dismiss(p)
	}
	c.tellToCampaign(c.heir().ID)
	c.becomeFollower(c.term, 0, "not a voter any more")
}
