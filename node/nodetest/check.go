package nodetest

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// record is one acknowledged command.
type record struct {
	op         uint64
	began, end time.Duration
	index      raft.Index
	position   uint64 // what the machine answered: how many ran before it
}

// readRecord is one linearizable read.
type readRecord struct {
	began, end time.Duration
	count      uint64
}

// check holds what must be true after every event on a node.
func (s *Sim) check(n *simNode) {
	s.checkOrderOfIndexes(n)
	s.checkVotes(n)
	for _, r := range n.out.Statuses {
		st := r.Status
		s.result.Terms = max(s.result.Terms, st.Term)
		if st.Role != raft.Leader {
			continue
		}
		k := leaderKey{r.Group, st.Term}
		if other, ok := s.leaders[k]; ok && other != n.id {
			s.violate("two leaders of group %d in term %d: %v and %v", r.Group, st.Term, other, n.id)
		}
		s.leaders[k] = n.id
		s.mark(uint64(st.Term)<<16 ^ uint64(n.id))
	}
}

// checkOrderOfIndexes: purged <= snapshot <= applied <= commit <= last, in every group.
func (s *Sim) checkOrderOfIndexes(n *simNode) {
	for _, g := range []raft.GroupID{node.MetaGroup, s.group} {
		st := n.shard.Status(g)
		if st.PurgedIndex > st.SnapshotIndex || st.SnapshotIndex > st.Commit || st.Applied > st.Commit || st.Commit > st.LastIndex ||
			st.Installing == 0 && st.SnapshotIndex > st.Applied {
			s.violate("%v, group %d: purged %d, snapshot %d, applied %d, commit %d, last %d", n.id, g, st.PurgedIndex, st.SnapshotIndex, st.Applied, st.Commit, st.LastIndex)
		}
	}
}

// converged: all nodes are up and have applied the same, last index everywhere.
func (s *Sim) converged() bool {
	if s.upgradesOpen > 0 || !s.passing.clean() || !s.churning.done() {
		return false
	}
	var ledgers []raft.Index
	for _, id := range s.ids() {
		n := s.nodes[id]
		if n == nil || s.group == 0 || n.groups[s.group] == nil || n.groups[s.group].applier == nil {
			return false
		}
		if st := n.shard.Status(s.group); st.Commit != st.LastIndex || st.Applied != st.Commit {
			return false
		}
		if m, ok := n.catalogue.Machine("ledger"); !ok || m.Pending != nil || len(m.History) < s.cfg.Upgrades {
			return false
		}
		ledgers = append(ledgers, n.groups[s.group].applier.Applied())
	}
	return slices.Min(ledgers) == slices.Max(ledgers) && s.seated()
}

// conclude judges the whole history at the end of a run.
func (s *Sim) conclude() {
	s.result.Acknowledged, s.result.Reads = len(s.history), len(s.reads)
	if len(s.result.Violations) > 0 {
		return
	}
	if !s.finished() {
		s.violate("not done %v after the last fault: %s", s.now()-faultsEnd, s.describe())
		return
	}
	first := s.nodes[1].ledger(s.group)
	for _, id := range s.ids() {
		digest, _, err := s.nodes[id].groups[s.group].applier.Digest(context.Background())
		want, _, _ := s.nodes[1].groups[s.group].applier.Digest(context.Background())
		if err != nil || digest != want {
			s.violate("replica %v differs from replica 1: %v", id, err)
		}
	}
	s.checkOnce(first)
	s.checkOrder(first)
	s.checkReads()
	s.checkUpgrades()
	s.checkModules()
	s.checkDeleted()
}

// checkOnce: every acknowledged command is in the state, and no command is twice.
func (s *Sim) checkOnce(state []uint64) {
	seen := map[uint64]int{}
	for _, op := range state {
		if seen[op]++; seen[op] > 1 {
			s.violate("operation %d was applied %d times", op, seen[op])
		}
	}
	for _, r := range s.history {
		if r.position >= uint64(len(state)) || state[r.position] != r.op {
			s.violate("operation %d was acknowledged at position %d and is not there", r.op, r.position)
		}
	}
}

// checkOrder: what was acknowledged before another command began stands before it.
func (s *Sim) checkOrder([]uint64) {
	byEnd := slices.Clone(s.history)
	slices.SortFunc(byEnd, func(a, b record) int { return int(a.end - b.end) })
	byBegin := slices.Clone(s.history)
	slices.SortFunc(byBegin, func(a, b record) int { return int(a.began - b.began) })
	i, newest := 0, record{}
	for _, r := range byBegin {
		for ; i < len(byEnd) && byEnd[i].end < r.began; i++ {
			if byEnd[i].position >= newest.position {
				newest = byEnd[i]
			}
		}
		if newest.op != 0 && newest.position >= r.position {
			s.violate("operation %d began after %d was acknowledged and stands before it", r.op, newest.op)
		}
	}
}

// checkReads: a read sees every command acknowledged before it began, and none
// that began after it ended.
func (s *Sim) checkReads() {
	for _, r := range s.reads {
		var must uint64
		for _, w := range s.history {
			if w.end < r.began {
				must = max(must, w.position+1)
			}
			if w.began > r.end && w.position < r.count {
				s.violate("a read of [%v, %v] saw operation %d, which began at %v", r.began, r.end, w.op, w.began)
			}
		}
		if r.count < must {
			s.violate("a read of [%v, %v] saw %d commands, %d were acknowledged before it", r.began, r.end, r.count, must)
		}
	}
}

// ledger is the names of all commands that ran, in order.
func (n *simNode) ledger(g raft.GroupID) []uint64 {
	var out []uint64
	n.records(g, func(a, _ uint64) {
		if a&switchMark == 0 {
			out = append(out, a)
		}
	})
	return out
}

// switches are where the state says that its module changed.
func (n *simNode) switches(g raft.GroupID) []uint64 {
	var out []uint64
	n.records(g, func(a, b uint64) {
		if a == switchMark {
			out = append(out, b)
		}
	})
	return out
}

// records walks through the machine's export.
func (n *simNode) records(g raft.GroupID, visit func(a, b uint64)) {
	a := n.groups[g]
	if a == nil || a.applier == nil {
		return
	}
	w := writerFunc(func(b []byte) { visit(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])) })
	if err := a.applier.Export(context.Background(), w); err != nil {
		n.sim.violate("export on %v: %v", n.id, err)
	}
}

// writerFunc is an io.Writer for the ledger's records of 16 bytes.
type writerFunc func([]byte)

// Write implements io.Writer.
func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

// describe tells how far each node is, for a run that did not finish.
func (s *Sim) describe() string {
	text := ""
	for _, id := range s.ids() {
		n := s.nodes[id]
		if n == nil {
			text += id.String() + " down; "
			continue
		}
		for _, g := range []raft.GroupID{node.MetaGroup, s.group} {
			st := n.shard.Status(g)
			text += id.String() + " " + st.Role.String() + " of group " + decimal(uint64(g)) + " term " + decimal(uint64(st.Term)) +
				" last " + decimal(uint64(st.LastIndex)) + " commit " + decimal(uint64(st.Commit)) + " applied " + decimal(uint64(st.Applied)) + "; "
		}
	}
	for _, c := range s.clients {
		text += "client " + decimal(uint64(c.id)) + " at " + decimal(c.next) + "; "
	}
	return text
}
