package rafttest

import (
	"fmt"
	"slices"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// durable reports whether enough disks hold n's log up to index: a quorum of the
// configuration that is in force there, or of one that follows and was in the log
// when it ended at last, before the commit; what a leader appends because of a
// commit does not justify it.
func (k *Checker) durable(n *Node, index, last raft.Index, all []*Node) bool {
	chain, _ := k.at(&n.Disk.memory, index)
	has := func(id raft.NodeID) bool {
		for _, other := range all {
			if other.ID == id {
				return other.Disk.held(k, index, chain)
			}
		}
		return false
	}
	inForce := k.first
	for _, at := range n.Disk.memory.configs {
		if at.Index > index && reached(inForce, has) {
			return true
		}
		if at.Index > max(index, last) {
			return false
		}
		inForce = at.Configuration
	}
	return reached(inForce, has)
}

// checkInForce: the configuration in force is the last one in the log.
func checkInForce(n *Node, is *raft.Status) error {
	want := raft.Index(0)
	if m := &n.Disk.memory; len(m.configs) > 0 {
		want = m.configs[len(m.configs)-1].Index
	}
	// Until it is drained, the core may be ahead of its disk by what it appended.
	if is.LastIndex == n.Disk.memory.last() && is.Configuration.Index != want {
		return fmt.Errorf("%v has the configuration of %d in force, its log that of %d", n.ID, is.Configuration.Index, want)
	}
	return nil
}

// reached counts for itself, so that it does not repeat a mistake of the core.
func reached(c raft.Configuration, has func(raft.NodeID) bool) bool {
	for _, half := range [][]raft.Member{c.Voters, c.Outgoing} {
		have := 0
		for _, m := range half {
			if has(m.Node) {
				have++
			}
		}
		if len(half) > 0 && 2*have <= len(half) {
			return false
		}
	}
	return true
}

// checkChain: a committed configuration follows on the one committed before in a
// way that keeps their quorums from being apart.
func (k *Checker) checkChain(e raft.Entry) error {
	if e.Type != raft.EntryConfig {
		return nil
	}
	next, err := confchange.Decode(e.Data)
	if err != nil {
		return err
	}
	k.configs = append(k.configs, raft.ConfigAt{Index: e.Index, Configuration: next})
	before := k.settled
	k.settled = next
	var follows bool
	switch {
	case before.Joint():
		follows = !next.Joint() && slices.Equal(next.Voters, before.Voters)
	case next.Joint():
		follows = slices.Equal(next.Outgoing, before.Voters)
	default:
		follows = slices.Equal(next.Voters, before.Voters)
	}
	if !follows {
		return fmt.Errorf("%s cannot follow on %s", DescribeConfiguration(next), DescribeConfiguration(before))
	}
	return nil
}
