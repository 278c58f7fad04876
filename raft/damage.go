package raft

import (
	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/tracker"
)

// damage is what a replica does about a log that lost entries it had acknowledged
// (Alagappan et al., Protocol-Aware Recovery, FAST 2018). Term and vote are intact.
//
// Invariant: while on, the replica grants no votes and does not campaign, and its
// acknowledgements count for nothing.
//
// Why it may end once the log holds what a leader of the current term held after
// this start: whatever was acknowledged was acknowledged in this term or an earlier
// one, since the term is not lost. An entry of this term that was acknowledged was in the
// leader's log before. One of an earlier term that is committed, or still can be, is
// in the log of every later leader: this replica voted for one only with its log
// whole, and refuses otherwise. So nothing that was acknowledged and matters is
// missing any more. The answer must be to a question of this life: an earlier one could
// name a shorter log.
type damage struct {
	on    bool
	term  Term    // of the leader that answered
	upTo  Index   // the end of its log then; 0: nobody answered in this term
	write WriteID // that says the replica is whole again; 0: not handed out
}

// wants reports whether the leader of term has to be asked for the end of its log.
func (d *damage) wants(term Term) bool { return d.on && (d.term != term || d.upTo == 0) }

// learnExtent takes the leader's answer: its log reached last after this start.
func (c *Core) learnExtent(last Index) {
	if c.damage.wants(c.term) {
		c.damage.term, c.damage.upTo = c.term, last
	}
}

// heal lets the next write say that the replica is whole, once it is.
func (c *Core) heal() {
	d := &c.damage
	whole := d.on && d.write == 0 && d.term == c.term && d.upTo > 0 && min(c.verified, c.w.durable) >= d.upTo
	if whole {
		d.write = c.w.next
		c.w.healed = true
	}
}

// finishHealing ends the damage when the write that says so is durable.
func (c *Core) finishHealing() {
	if c.damage.write == 0 || c.damage.write > c.w.persisted {
		return
	}
	c.damage = damage{}
	c.fx.Events = append(c.fx.Events, ReplicaHealed{Last: c.w.durable})
	c.resetElection()
}

// damaged reports whether the replica may not vote.
func (c *Core) damaged() bool { return c.damage.on && !mutant.On(mutant.DamagedVotes) }

// heardDamage notes what a follower says of its log. A damaged one does not have what
// it acknowledged: where the logs agree is found out anew.
func (c *Core) heardDamage(p *tracker.Progress, damaged bool) {
	if p.Damaged == damaged {
		return
	}
	p.Damaged = damaged
	c.dirty = true
	c.fx.Events = append(c.fx.Events, FollowerDamaged{Peer: p.ID, Damaged: damaged})
	if damaged {
		p.Forget()
		return
	}
	c.advanceCommit()
}
