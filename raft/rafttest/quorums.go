package rafttest

import (
	"fmt"
	"slices"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// durable reports whether enough disks hold the log up to index: a quorum of the
// configuration that n's log has in force there, or of one that follows in it,
// since a configuration counts from its append on.
func (k *Checker) durable(n *Node, index raft.Index, chain uint64, all []*Node) bool {
	has := func(id raft.NodeID) bool {
		for _, other := range all {
			if other.ID == id {
				have, ok := other.Disk.synced.at(index)
				return ok && have == chain
			}
		}
		return false
	}
	inForce := k.first
	for _, at := range n.Disk.memory.configs {
		if at.Index > index && reached(inForce, has) {
			return true
		}
		inForce = at.Configuration
	}
	return reached(inForce, has)
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
