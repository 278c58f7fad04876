package rafttest

import (
	"fmt"

	"github.com/wraft/wraft/raft"
)

// What stands here are rules of the protocol that keep its promises. A cluster can
// break one for a long time before a promise breaks, so they are checked by
// themselves.

// MadeUp says that a script made up a message of a term: up to there it may have
// campaigned, voted and acknowledged in others' names.
func (k *Checker) MadeUp(term raft.Term) {
	k.madeUp = max(k.madeUp, term)
	k.campaigned = max(k.campaigned, term)
}

// checkRules checks the rules that need nothing but the node.
func (k *Checker) checkRules(n *Node, s *seen, is *raft.Status) error {
	if err := k.checkTerm(n, s, is); err != nil {
		return err
	}
	return k.checkBegun(n, s, is)
}

// checkTerm: a term begins with a candidate, who votes for itself. Nothing else may
// raise a term, or a node without a chance to win could depose leaders.
func (k *Checker) checkTerm(n *Node, s *seen, is *raft.Status) error {
	if is.Vote == n.ID || s.status.ID == 0 {
		k.campaigned = max(k.campaigned, is.Term)
	}
	if is.Term > k.campaigned {
		return fmt.Errorf("%v is in term %d, in which nobody has campaigned", n.ID, is.Term)
	}
	return nil
}

// leadsOn reports whether the node led the same term when it was last looked at.
func leadsOn(s *seen, is *raft.Status) bool {
	return is.Role == raft.Leader && s.status.Role == raft.Leader && s.status.Term == is.Term
}

// checkBegun: a leader changes the configuration only once an entry of its own term
// is committed.
func (k *Checker) checkBegun(n *Node, s *seen, is *raft.Status) error {
	if is.Role != raft.Leader || is.Commit > 0 && k.terms[is.Commit-1] == is.Term {
		return nil
	}
	// What is compacted is committed, and of an earlier term.
	from := max(s.status.LastIndex, n.Disk.memory.base.index) + 1
	for _, e := range n.Disk.Entries(from, is.LastIndex+1) {
		if e.Type == raft.EntryConfig && e.Term == is.Term {
			return fmt.Errorf("%v changes the configuration at %d before its term's no-op is committed", n.ID, e.Index)
		}
	}
	return nil
}

// checkElected: a new leader has the durable votes of a majority of each half of
// the configuration it was elected in. Who has gone on to a later term is taken to
// have voted for it.
func (k *Checker) checkElected(n *Node, is *raft.Status, all []*Node) error {
	if is.Term <= k.madeUp {
		return nil
	}
	votes := func(id raft.NodeID) bool {
		for _, other := range all {
			if state := other.Disk.synced.state; other.ID == id {
				return state.Term > is.Term || state.Term == is.Term && state.Vote == n.ID
			}
		}
		return false
	}
	if c := is.Configuration.Configuration; !reached(c, votes) {
		return fmt.Errorf("%v leads term %d without a majority's votes in %s", n.ID, is.Term, DescribeConfiguration(c))
	}
	return nil
}

// acked names what a follower said to a leader in a term.
type acked struct {
	from, to raft.NodeID
	term     raft.Term
}

func (k *Checker) noteAck(from, to raft.NodeID, m raft.AppendReply) {
	if at := (acked{from, to, m.Term}); !m.Rejected {
		k.acked[at] = max(k.acked[at], m.Match)
	}
}

// checkAcked: a leader believes of a follower what that has said to it in this term.
func (k *Checker) checkAcked(n *Node, f raft.FollowerStatus, is *raft.Status) error {
	if said := k.acked[acked{f.ID, n.ID, is.Term}]; f.Match > said && is.Term > k.madeUp {
		return fmt.Errorf("%v believes that %v has %d, which said %d in term %d", n.ID, f.ID, f.Match, said, is.Term)
	}
	return nil
}

// checkHeir: a leader that leads on tells nobody to campaign who lacks some of its
// log.
func (k *Checker) checkHeir(from *Node, to raft.NodeID) error {
	s, is := k.seen[from.ID], from.Core.Status()
	if s == nil || s.core != from.Core || !leadsOn(s, &is) {
		return nil
	}
	for _, f := range is.Followers {
		// Why the last index seen: the log may have grown since the message was made.
		if f.ID == to && f.Match < s.status.LastIndex {
			return fmt.Errorf("%v hands leadership to %v, which has %d of %d", from.ID, to, f.Match, s.status.LastIndex)
		}
	}
	return nil
}
