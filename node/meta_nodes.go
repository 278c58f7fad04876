package node

import (
	"fmt"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// announceCommand is what a node says of itself when it starts.
type announceCommand struct {
	_            struct{} `cbor:",toarray"`
	Node         raft.NodeID
	MemoryBudget uint64 // bytes; 0 is without bound
	Serves       FeatureLevel
}

// raiseCommand raises the feature level.
type raiseCommand struct {
	_     struct{} `cbor:",toarray"`
	Level FeatureLevel
}

// AnnounceCommand is the data of the meta group's command with which a node says
// what it has: bytes of memory for machines, and the newest feature level it serves.
func AnnounceCommand(id raft.NodeID, memoryBudget uint64, serves FeatureLevel) ([]byte, error) {
	return metaCommand{Announce: &announceCommand{Node: id, MemoryBudget: memoryBudget, Serves: serves}}.encode()
}

// RaiseCommand is the data of the meta group's command that raises the feature level.
func RaiseCommand(level FeatureLevel) ([]byte, error) {
	return metaCommand{Raise: &raiseCommand{Level: level}}.encode()
}

// announce keeps what a node says of itself. A smaller budget than its machines need
// is taken too: it is the truth, and refuses what comes.
func (m *MetaMachine) announce(index raft.Index, c announceCommand) plugins.Result {
	at := slices.IndexFunc(m.catalogue.Nodes, func(n NodeRecord) bool { return n.ID == c.Node })
	if at < 0 {
		return plugins.Result{Status: metaUnknownNode}
	}
	next := *m.catalogue
	next.Index, next.Nodes = index, slices.Clone(next.Nodes)
	next.Nodes[at].MemoryBudget, next.Nodes[at].Serves = c.MemoryBudget, c.Serves
	m.catalogue = &next
	return plugins.Result{}
}

// raise moves the cluster to a level that every node has said to serve.
func (m *MetaMachine) raise(index raft.Index, c raiseCommand) plugins.Result {
	if m.catalogue.Cluster == "" {
		return plugins.Result{Status: metaNotBootstrapped}
	}
	if c.Level <= m.catalogue.Level {
		return plugins.Result{Status: metaExists}
	}
	for _, n := range m.catalogue.Nodes {
		if n.State != NodeRemoved && n.Serves < c.Level {
			return plugins.Result{Status: metaLevel, Data: fmt.Appendf(nil, "%v serves up to %d, %d was asked for", n.ID, n.Serves, c.Level)}
		}
	}
	next := *m.catalogue
	next.Index, next.Level = index, c.Level
	m.catalogue = &next
	return plugins.Result{}
}
