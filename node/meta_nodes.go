package node

import (
	"cmp"
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
	PeerAddress  string // where it listens now; "": as in the catalogue
	APIAddress   string // the same
}

// raiseCommand raises the feature level.
type raiseCommand struct {
	_     struct{} `cbor:",toarray"`
	Level FeatureLevel
}

// AnnounceCommand is the data of the meta group's command with which a node says
// what it has: bytes of memory for machines, the newest feature level it serves, and
// where it listens. An address that is empty stays as it is.
func AnnounceCommand(r NodeRecord) ([]byte, error) {
	return metaCommand{Announce: &announceCommand{
		Node: r.ID, MemoryBudget: r.MemoryBudget, Serves: r.Serves, PeerAddress: r.PeerAddress, APIAddress: r.APIAddress,
	}}.encode()
}

// RaiseCommand is the data of the meta group's command that raises the feature level.
func RaiseCommand(level FeatureLevel) ([]byte, error) {
	return metaCommand{Raise: &raiseCommand{Level: level}}.encode()
}

// announce keeps what a node says of itself. A smaller budget than its machines need
// is taken too: it is the truth, and refuses what comes. Addresses of another node are
// not taken; what was said besides is.
func (m *MetaMachine) announce(index raft.Index, c announceCommand) plugins.Result {
	have, known := m.catalogue.Node(c.Node)
	if !known {
		return plugins.Result{Status: metaUnknownNode}
	}
	now := have
	now.MemoryBudget, now.Serves = c.MemoryBudget, c.Serves
	now.PeerAddress, now.APIAddress = cmp.Or(c.PeerAddress, have.PeerAddress), cmp.Or(c.APIAddress, have.APIAddress)
	var result plugins.Result
	if other, taken := m.catalogue.holder(now); taken && now.PeerAddress != have.PeerAddress {
		now.PeerAddress, now.APIAddress = have.PeerAddress, have.APIAddress
		result = plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "%v is at %s", other.ID, other.PeerAddress)}
	}
	if now == have {
		return result
	}
	next := *m.catalogue
	next.Index, next.Nodes = index, slices.Clone(next.Nodes)
	next.Nodes[slices.IndexFunc(next.Nodes, func(n NodeRecord) bool { return n.ID == c.Node })] = now
	m.catalogue = &next
	return result
}

// holder is another node that has a node's address for peers.
func (c *Catalogue) holder(r NodeRecord) (other NodeRecord, taken bool) {
	at := slices.IndexFunc(c.Nodes, func(n NodeRecord) bool {
		return n.ID != r.ID && n.State != NodeRemoved && n.PeerAddress == r.PeerAddress
	})
	if at < 0 {
		return NodeRecord{}, false
	}
	return c.Nodes[at], true
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
