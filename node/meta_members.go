package node

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// NodesMax bounds the nodes that the catalogue knows, removed ones included: of these the
// oldest make room.
const NodesMax = 64

// addNodeCommand makes a node known, as a learner. It has no life yet: it claims its
// first one when it starts.
type addNodeCommand struct {
	_    struct{} `cbor:",toarray"`
	Node NodeRecord
}

// moveNodeCommand changes what the cluster wants of a node.
type moveNodeCommand struct {
	_    struct{} `cbor:",toarray"`
	Node raft.NodeID
	To   NodeState
}

// claimCommand gives a node with an empty disk its next life. From is the one that it
// had, 0 for none: of two that claim the same one the first is obeyed.
type claimCommand struct {
	_     struct{} `cbor:",toarray"`
	Node  raft.NodeID
	From  raft.Incarnation
	Nonce uint64 // of the process that claims; it may ask again
}

// seatsCommand reports a configuration that a group's leader has seen committed.
type seatsCommand struct {
	_     struct{} `cbor:",toarray"`
	Group raft.GroupID
	Seats Seats
}

// AddNodeCommand is the data of the meta group's command that adds a node as a learner.
func AddNodeCommand(n NodeRecord) ([]byte, error) {
	return metaCommand{AddNode: &addNodeCommand{Node: n}}.encode()
}

// MoveNodeCommand is the data of the meta group's command that promotes a node, demotes
// it or has it leave.
func MoveNodeCommand(id raft.NodeID, to NodeState) ([]byte, error) {
	return metaCommand{MoveNode: &moveNodeCommand{Node: id, To: to}}.encode()
}

// ClaimCommand is the data of the meta group's command with which a node whose life
// from is over, or that had none, claims the next one; DecodeIncarnation reads the answer.
func ClaimCommand(id raft.NodeID, from raft.Incarnation, nonce uint64) ([]byte, error) {
	return metaCommand{Claim: &claimCommand{Node: id, From: from, Nonce: nonce}}.encode()
}

// SeatsCommand is the data of the meta group's command that reports a group's seats.
func SeatsCommand(g raft.GroupID, s Seats) ([]byte, error) {
	return metaCommand{Seats: &seatsCommand{Group: g, Seats: s}}.encode()
}

// addNode takes a new node in, or a removed one again, which keeps counting its lives: in
// those that it had it never comes back.
func (m *MetaMachine) addNode(index raft.Index, c addNodeCommand) plugins.Result {
	if m.catalogue.Cluster == "" {
		return plugins.Result{Status: metaNotBootstrapped}
	}
	add := NodeRecord{ID: c.Node.ID, Region: c.Node.Region, PeerAddress: c.Node.PeerAddress, APIAddress: c.Node.APIAddress, State: NodeLearner}
	if add.ID == 0 || add.PeerAddress == "" {
		return plugins.Result{Status: metaMalformed, Data: []byte("a node needs an ID and an address for its peers")}
	}
	have, known := m.catalogue.Node(add.ID)
	switch {
	case known && have.State != NodeRemoved:
		if have.PeerAddress == add.PeerAddress && have.APIAddress == add.APIAddress && have.Region == add.Region {
			return plugins.Result{Status: metaExists}
		}
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "%v is a %v at %s", have.ID, have.State, have.PeerAddress)}
	case known: // Why without its life: its replicas are gone, and what they promised with them
		add.Lives = have.Lives
	default:
		add.Lives = m.catalogue.LivesForgotten
	}
	if other, taken := m.catalogue.holder(add); taken {
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "%v is at %s", other.ID, add.PeerAddress)}
	}
	nodes := slices.DeleteFunc(slices.Clone(m.catalogue.Nodes), func(n NodeRecord) bool { return n.ID == add.ID })
	forgotten := m.catalogue.LivesForgotten
	if len(nodes) >= NodesMax {
		gone := slices.IndexFunc(nodes, func(n NodeRecord) bool { return n.State == NodeRemoved })
		if gone < 0 {
			return plugins.Result{Status: metaFull}
		}
		forgotten = max(forgotten, nodes[gone].Lives)
		nodes = slices.Delete(nodes, gone, gone+1)
	}
	m.setNodes(index, append(nodes, add))
	m.catalogue.LivesForgotten = forgotten // Why in place: setNodes made a new catalogue
	return plugins.Result{}
}

// moveNode changes a node's state. The last voter stays one.
func (m *MetaMachine) moveNode(index raft.Index, c moveNodeCommand) plugins.Result {
	have, known := m.catalogue.Node(c.Node)
	switch {
	case !known:
		return plugins.Result{Status: metaUnknownNode}
	case c.To > NodeLeaving:
		return plugins.Result{Status: metaMalformed, Data: []byte("a node cannot be moved to that state")}
	case have.State == c.To, have.State == NodeRemoved && c.To == NodeLeaving:
		return plugins.Result{Status: metaExists}
	case have.State >= NodeLeaving:
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "%v is %v", have.ID, have.State)}
	case have.State == NodeVoter && m.catalogue.voters() == 1:
		return plugins.Result{Status: metaLastVoter, Data: fmt.Appendf(nil, "%v is the only voter", have.ID)}
	}
	have.State = c.To
	m.setNode(index, have)
	return plugins.Result{}
}

// claim counts a node's lives. Repeated by the process whose claim was obeyed it gives
// the same answer.
func (m *MetaMachine) claim(index raft.Index, c claimCommand) plugins.Result {
	have, known := m.catalogue.Node(c.Node)
	switch {
	case !known || have.State >= NodeLeaving:
		return plugins.Result{Status: metaUnknownNode}
	case have.Claimed == c.Nonce && have.Incarnation > 0:
		return plugins.Result{Status: metaExists, Data: encodeIncarnation(have.Incarnation)}
	case have.Incarnation != c.From:
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "%v is in its life %d", have.ID, have.Incarnation)}
	}
	have.Lives++
	have.Incarnation, have.Claimed = have.Lives, c.Nonce
	m.setNode(index, have)
	return plugins.Result{Data: encodeIncarnation(have.Incarnation)}
}

// takeSeats takes a group's report, if it is news. A node that leaves is removed with
// the last seat.
func (m *MetaMachine) takeSeats(index raft.Index, c seatsCommand) plugins.Result {
	was, known := m.catalogue.SeatsOf(c.Group)
	switch {
	case !known || c.Seats.Index <= was.Index:
		return plugins.Result{Status: metaExists}
	case c.Seats.Configuration().Validate() != nil:
		return plugins.Result{Status: metaMalformed, Data: []byte("these seats are no configuration")}
	}
	next := *m.catalogue
	next.Index = index
	if c.Group == MetaGroup {
		next.Seats = c.Seats
	} else {
		next.Machines = slices.Clone(next.Machines)
		at := slices.IndexFunc(next.Machines, func(r MachineRecord) bool { return r.Group == c.Group })
		next.Machines[at].Seats = c.Seats
	}
	next.Nodes = slices.Clone(next.Nodes)
	for i := range next.Nodes {
		if n := &next.Nodes[i]; n.State == NodeLeaving && len(next.Holds(n.ID)) == 0 {
			n.State = NodeRemoved
		}
	}
	m.catalogue = &next
	return plugins.Result{}
}

func encodeIncarnation(life raft.Incarnation) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(life))
}

// DecodeIncarnation reads the answer to a ClaimCommand. The error says why the claim was
// not obeyed; ErrUnknownNode: the node is none of the cluster's.
func DecodeIncarnation(status int32, data []byte) (raft.Incarnation, error) {
	switch {
	case status == metaUnknownNode:
		return 0, ErrUnknownNode
	case status != metaOK && status != metaExists:
		return 0, fmt.Errorf("node: claim a life: status %d: %s", status, data)
	case len(data) != 4:
		return 0, fmt.Errorf("node: claim a life: answer has %d bytes", len(data))
	}
	return raft.Incarnation(binary.BigEndian.Uint32(data)), nil
}

// setNode replaces a node's record.
func (m *MetaMachine) setNode(index raft.Index, n NodeRecord) {
	nodes := slices.Clone(m.catalogue.Nodes)
	nodes[slices.IndexFunc(nodes, func(o NodeRecord) bool { return o.ID == n.ID })] = n
	m.setNodes(index, nodes)
}

func (m *MetaMachine) setNodes(index raft.Index, nodes []NodeRecord) {
	sortNodes(nodes)
	next := *m.catalogue
	next.Index, next.Nodes = index, nodes
	m.catalogue = &next
}

// voters counts the nodes that are to vote.
func (c *Catalogue) voters() int {
	n := 0
	for _, r := range c.Nodes {
		if r.State == NodeVoter {
			n++
		}
	}
	return n
}
