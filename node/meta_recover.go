package node

import (
	"fmt"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// RecoveriesMax bounds the recoveries that the catalogue remembers, the newest.
const RecoveriesMax = 16

// Recovery is what was done after the loss of a quorum: one node went on alone, and the
// lives of all others ended.
type Recovery struct {
	_     struct{}   `cbor:",toarray"`
	Index raft.Index // of the entry that tells of it
	Node  raft.NodeID
	Life  raft.Incarnation // of Node, with which it goes on
	At    int64            // Unix ns, for display
	// Lost are the others that had not been removed, ascending.
	Lost []raft.NodeID
	// Taken are the groups of which the node got the end of the log from the directory of
	// another one.
	Taken []TakenLog
}

// TakenLog is the end of a log that came from another node's directory.
type TakenLog struct {
	_       struct{} `cbor:",toarray"`
	Group   raft.GroupID
	From    raft.NodeID
	Entries uint64
}

// recoverCommand is written by an operator's tool into the log of the node that goes on.
type recoverCommand struct {
	_      struct{} `cbor:",toarray"`
	Node   raft.NodeID
	Life   raft.Incarnation
	At     int64
	Groups []raft.GroupID // that the node has, ascending
	Taken  []TakenLog
}

// RecoverEntry is the data of the entry of the meta group that tells of a recovery: groups
// are those that the node has.
func RecoverEntry(r Recovery, groups []raft.GroupID) ([]byte, error) {
	data, err := metaCommand{Recover: &recoverCommand{Node: r.Node, Life: r.Life, At: r.At, Groups: groups, Taken: r.Taken}}.encode()
	if err != nil {
		return nil, err
	}
	return Batch{Commands: []Command{{Kind: CommandCall, Data: data}}}.Encode()
}

// recover ends the lives of all nodes but one. Those that come back with their disks are
// nobody's peers any more; added anew, with empty disks, they count on behind that.
func (m *MetaMachine) recover(index raft.Index, c recoverCommand) plugins.Result {
	at := slices.IndexFunc(m.catalogue.Nodes, func(n NodeRecord) bool { return n.ID == c.Node })
	if at < 0 || c.Life <= m.catalogue.Nodes[at].Lives {
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "no recovery of %v in life %d", c.Node, c.Life)}
	}
	next := *m.catalogue
	next.Index, next.Nodes = index, slices.Clone(next.Nodes)
	done := Recovery{Index: index, Node: c.Node, Life: c.Life, At: c.At, Taken: c.Taken}
	for i := range next.Nodes {
		n := &next.Nodes[i]
		switch {
		case i == at:
			n.State, n.Incarnation, n.Lives, n.Claimed = NodeVoter, c.Life, c.Life, 0
			continue
		case n.State != NodeRemoved:
			done.Lost = append(done.Lost, n.ID)
		}
		// Why one more: the entry by which it claimed another may be among what was lost.
		n.State, n.Lives, n.Claimed = NodeRemoved, n.Lives+1, 0
	}
	only := firstSeats(next.Nodes)
	next.Machines = slices.Clone(next.Machines)
	for i := range next.Machines {
		// Why: of this one the node has not even the beginning, and nobody else will.
		if k := &next.Machines[i]; !slices.Contains(c.Groups, k.Group) {
			k.First, k.Seats = only, only
		}
	}
	next.Recoveries = append(slices.Clone(next.Recoveries), done)
	if n := len(next.Recoveries); n > RecoveriesMax {
		next.Recoveries = slices.Delete(next.Recoveries, 0, n-RecoveriesMax)
	}
	m.catalogue = &next
	return plugins.Result{}
}
