package rafttest

import (
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/quorum"
)

// Checker states Raft's promises over a whole cluster. Its methods return the
// first promise broken.
type Checker struct {
	// configs are the group's first configuration and the newest that is committed.
	first, settled raft.Configuration
	leaders        map[raft.Term]raft.NodeID
	logs           map[place]uint64 // the log up to an entry of a term, by chain value
	committed      []uint64         // chain values from index 1 on
	terms          []raft.Term      // of what is committed, from index 1 on
	configs        []raft.ConfigAt  // committed, ascending
	grants         map[ballot]raft.NodeID
	campaigned     raft.Term // the newest term anybody campaigned in
	madeUp         raft.Term // the newest term of a message that a script made up
	acked          map[acked]raft.Index
	seen           map[raft.NodeID]*seen
}

type place struct {
	index raft.Index
	term  raft.Term
}

type ballot struct {
	voter raft.NodeID
	term  raft.Term
}

// seen is how far a node was looked at.
type seen struct {
	core     *raft.Core
	status   raft.Status
	restores int // of the machine
	applied  int
	snapshot raft.Index // checked
	purged   raft.Index // checked
	logged   raft.Index // of the memory image, matched up to here
	chain    uint64     // at logged
}

// NewChecker returns a checker for a group that began with these voters.
func NewChecker(voters quorum.Majority) *Checker {
	first := confchange.New(voters...)
	return &Checker{
		first: first, settled: first,
		leaders: map[raft.Term]raft.NodeID{},
		logs:    map[place]uint64{},
		grants:  map[ballot]raft.NodeID{},
		acked:   map[acked]raft.Index{},
		seen:    map[raft.NodeID]*seen{},
	}
}

// Committed returns the highest index any node ever knew to be committed.
func (k *Checker) Committed() raft.Index { return raft.Index(len(k.committed)) }

// Sent checks a message at the moment it leaves: whatever it shows must be
// durable at its sender.
func (k *Checker) Sent(from *Node, e raft.Envelope) error {
	if from.failed {
		return fmt.Errorf("%v sends %T, though its disk has failed", from.ID, e.Message)
	}
	if from.Disk.synced.damaged && sides(e.Message) {
		return fmt.Errorf("%v sends %T, though its log is damaged", from.ID, e.Message)
	}
	disk := &from.Disk.synced
	shown := e.Message.MessageTerm()
	switch m := e.Message.(type) {
	case raft.TimeoutNow:
		if err := k.checkHeir(from, e.To); err != nil {
			return err
		}
	case raft.PreVote:
		shown--
	case raft.PreVoteReply:
		if m.Granted {
			shown = 0
		}
	case raft.Vote:
		if disk.state.Term == m.Term && disk.state.Vote != from.ID {
			return fmt.Errorf("%v asks for votes in term %d, its own is not durable", from.ID, m.Term)
		}
	case raft.VoteReply:
		if err := k.granted(from, e.To, m); err != nil {
			return err
		}
	case raft.AppendReply:
		if !m.Rejected && disk.state.Term == m.Term && disk.last() < m.Match {
			return fmt.Errorf("%v acknowledges %d, only %d is durable", from.ID, m.Match, disk.last())
		}
		k.noteAck(from.ID, e.To, m)
	}
	if shown > disk.state.Term {
		return fmt.Errorf("%v shows term %d, only %d is durable: %T", from.ID, shown, disk.state.Term, e.Message)
	}
	return nil
}

// sides reports whether a message takes part in an election.
func sides(m raft.Message) bool {
	switch m := m.(type) {
	case raft.Vote, raft.PreVote:
		return true
	case raft.VoteReply:
		return m.Granted
	case raft.PreVoteReply:
		return m.Granted
	}
	return false
}

// granted checks that a vote is durable and was given to nobody else.
func (k *Checker) granted(from *Node, to raft.NodeID, m raft.VoteReply) error {
	if !m.Granted {
		return nil
	}
	state := from.Disk.synced.state
	if state.Term == m.Term && state.Vote != to {
		return fmt.Errorf("%v votes for %v in term %d, durable is a vote for %v", from.ID, to, m.Term, state.Vote)
	}
	b := ballot{from.ID, m.Term}
	if other, voted := k.grants[b]; voted && other != to {
		return fmt.Errorf("%v votes for %v in term %d, it voted for %v before", from.ID, to, m.Term, other)
	}
	k.grants[b] = to
	return nil
}

// Check looks at one node after it did something. all are the nodes of the
// cluster, ascending.
func (k *Checker) Check(n *Node, all []*Node) error {
	if n.Core == nil {
		delete(k.seen, n.ID)
		return nil
	}
	s := k.seen[n.ID]
	if s == nil || s.core != n.Core {
		s = &seen{core: n.Core}
		k.seen[n.ID] = s
	}
	is := n.Core.Status()
	if err := k.checkAll(n, s, &is, all); err != nil {
		return fmt.Errorf("%w\n%+v", err, is)
	}
	s.status = is
	return nil
}

// checkAll runs one check after the other: it is called after every event of a
// simulation.
func (k *Checker) checkAll(n *Node, s *seen, is *raft.Status, all []*Node) error {
	if err := k.checkSteps(n, s, is); err != nil {
		return err
	}
	if err := k.checkLog(n, s); err != nil {
		return err
	}
	if err := k.checkSnapshot(n, s); err != nil {
		return err
	}
	if err := checkInForce(n, is); err != nil {
		return err
	}
	if err := k.checkCommit(n, s, is, all); err != nil {
		return err
	}
	if err := checkOwnTerm(n, s, is); err != nil {
		return err
	}
	if err := k.checkRules(n, s, is); err != nil {
		return err
	}
	if err := k.checkLeader(n, s, is, all); err != nil {
		return err
	}
	return k.checkApplied(n, s)
}

// checkSteps: nothing goes back, and every cursor is behind the one before it.
func (k *Checker) checkSteps(n *Node, s *seen, is *raft.Status) error {
	was := &s.status
	if is.Term < was.Term || is.Commit < was.Commit || is.Applied < was.Applied {
		return fmt.Errorf("%v went back: from %+v", n.ID, *was)
	}
	if is.Term == was.Term && was.Vote != 0 && is.Vote != was.Vote {
		return fmt.Errorf("%v changed its vote in term %d from %v to %v", n.ID, is.Term, was.Vote, is.Vote)
	}
	if is.Term < n.Disk.synced.state.Term || is.Persisted > is.LastIndex || is.Commit > is.LastIndex ||
		is.Handed > min(is.Commit, is.Persisted) || is.Applied > is.Handed ||
		is.PurgedIndex > is.SnapshotIndex || is.SnapshotIndex > is.Applied && is.SnapshotIndex != is.Installing {
		return fmt.Errorf("%v has its cursors out of order", n.ID)
	}
	return nil
}

// checkLog: two logs with an entry of the same index and term are equal up to it.
func (k *Checker) checkLog(n *Node, s *seen) error {
	m := &n.Disk.memory
	if chain, ok := m.at(s.logged); !ok || chain != s.chain {
		s.logged = m.base.index // it was truncated or purged: match it again
	}
	for _, e := range m.entries[s.logged-m.base.index:] {
		at := place{e.Index, e.Term}
		chain, _ := m.at(e.Index)
		if other, known := k.logs[at]; known && other != chain {
			return fmt.Errorf("%v has another log up to entry %d of term %d", n.ID, e.Index, e.Term)
		}
		k.logs[at] = chain
	}
	s.logged = m.last()
	s.chain, _ = m.at(s.logged)
	return nil
}

// checkCommit: what is committed never changes and is durable on a quorum.
func (k *Checker) checkCommit(n *Node, s *seen, is *raft.Status, all []*Node) error {
	for i := s.status.Commit + 1; i <= is.Commit; i++ {
		chain, ok := k.at(&n.Disk.memory, i)
		if !ok {
			return fmt.Errorf("%v commits %d, which it does not have", n.ID, i)
		}
		if i <= k.Committed() {
			if k.committed[i-1] != chain {
				return fmt.Errorf("%v commits another entry at %d", n.ID, i)
			}
			continue
		}
		if !k.durable(n, i, s.status.LastIndex, all) {
			return fmt.Errorf("%v commits %d, which no quorum has durably", n.ID, i)
		}
		e := n.Disk.memory.entry(i)
		k.committed, k.terms = append(k.committed, chain), append(k.terms, e.Term)
		if err := k.checkChain(e); err != nil {
			return fmt.Errorf("%v commits %d: %w", n.ID, i, err)
		}
	}
	return nil
}

// checkOwnTerm: a leader counts replicas of entries of its own term only; what is
// before them commits with them (Raft paper §5.4.2).
func checkOwnTerm(n *Node, s *seen, is *raft.Status) error {
	was := &s.status
	if is.Role != raft.Leader || was.Role != raft.Leader || was.Term != is.Term || is.Commit == was.Commit {
		return nil
	}
	if e := n.Disk.Entries(is.Commit, is.Commit+1); len(e) == 1 && e[0].Term != is.Term {
		return fmt.Errorf("%v leads term %d and commits up to %d, which is of term %d", n.ID, is.Term, is.Commit, e[0].Term)
	}
	return nil
}

// checkLeader: one leader per term, it has everything committed before, and
// believes of no follower more than its disk holds.
func (k *Checker) checkLeader(n *Node, s *seen, is *raft.Status, all []*Node) error {
	if is.Role != raft.Leader {
		return nil
	}
	if other, known := k.leaders[is.Term]; known && other != n.ID {
		return fmt.Errorf("%v and %v both lead term %d", other, n.ID, is.Term)
	}
	k.leaders[is.Term] = n.ID
	if s.status.Role != raft.Leader || s.status.Term != is.Term {
		if err := k.checkComplete(n, is); err != nil {
			return err
		}
		if err := k.checkElected(n, is, all); err != nil {
			return err
		}
	}
	for _, f := range is.Followers {
		if err := k.checkAcked(n, f, is); err != nil {
			return err
		}
		for _, other := range all {
			if other.ID != f.ID || other.Disk.synced.state.Term != is.Term {
				continue
			}
			if want, _ := k.at(&n.Disk.memory, f.Match); !other.Disk.held(k, f.Match, want) {
				return fmt.Errorf("%v believes that %v has %d, its disk does not", n.ID, f.ID, f.Match)
			}
		}
	}
	return nil
}

// checkComplete: a new leader has every entry that was committed, as long as no
// later term was led meanwhile.
func (k *Checker) checkComplete(n *Node, is *raft.Status) error {
	for term := range k.leaders {
		if term > is.Term {
			return nil
		}
	}
	last := k.Committed()
	if last == 0 {
		return nil
	}
	if have, ok := k.at(&n.Disk.memory, last); !ok || have != k.committed[last-1] {
		return fmt.Errorf("%v leads term %d without what is committed up to %d", n.ID, is.Term, last)
	}
	return nil
}

// checkApplied: machines see what is committed, in order.
func (k *Checker) checkApplied(n *Node, s *seen) error {
	if s.restores != n.restores {
		s.restores, s.applied = n.restores, 0 // all of it came out of a snapshot
	}
	for ; s.applied < len(n.Applied); s.applied++ {
		e := n.Applied[s.applied]
		before := uint64(0)
		if s.applied > 0 {
			before = k.committed[s.applied-1]
		}
		if s.applied >= len(k.committed) || k.committed[s.applied] != chainOn(before, e) {
			return fmt.Errorf("%v applied something else than what is committed at %d", n.ID, e.Index)
		}
	}
	return nil
}
