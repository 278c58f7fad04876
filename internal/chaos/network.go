package chaos

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/relay"
)

// State is what all links do, and to whom.
type State struct {
	Nodes []client.NodeID `json:"nodes"`
	// Apart are the nodes that are cut off from the others.
	Apart []client.NodeID `json:"apart"`
	Links []LinkState     `json:"links"`
}

// LinkState is one link and what became of its datagrams since the cluster's start, both
// ways together.
type LinkState struct {
	Nodes Pair `json:"nodes"`
	Path
	Cut       bool   `json:"cut"`
	Arrived   uint64 `json:"arrived"`
	Lost      uint64 `json:"lost"`
	CutOff    uint64 `json:"cut_off"`
	Overflown uint64 `json:"overflown,omitempty"`
}

// Network is a cluster's links.
type Network struct {
	mesh *relay.Mesh[client.NodeID]

	mu    sync.Mutex // guards what follows
	links map[Pair]Path
	apart map[client.NodeID]bool
}

// NewNetwork starts the relays between nodes, by the UDP address of each. Close it after
// the nodes.
func NewNetwork(addresses map[client.NodeID]string, seed uint64) (*Network, error) {
	mesh, err := relay.NewMesh(addresses, seed)
	if err != nil {
		return nil, err
	}
	n := &Network{mesh: mesh, links: map[Pair]Path{}}
	nodes := mesh.Nodes()
	for i, a := range nodes {
		for _, b := range nodes[i+1:] {
			n.links[Pair{a, b}] = Path{}
		}
	}
	return n, nil
}

// Via is the address, as host:port, at which from has to reach another node.
func (n *Network) Via(from, to client.NodeID) string { return n.mesh.Via(from, to) }

// Apply changes the links. On an error nothing has changed.
func (n *Network) Apply(c Change) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := c.check(n.mesh.Nodes()); err != nil {
		return err
	}
	links, apart := maps.Clone(n.links), n.apart
	for pair, path := range links {
		if len(c.Links) == 0 || slices.Contains(c.Links, pair) {
			links[pair] = c.over(path)
		}
		if err := links[pair].validate(); err != nil {
			return err
		}
	}
	if c.Heal || len(c.Partition) > 0 {
		apart = map[client.NodeID]bool{}
		for _, id := range c.Partition {
			apart[id] = true
		}
	}
	return n.lay(links, apart)
}

// Clear makes all links perfect.
func (n *Network) Clear() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	links := map[Pair]Path{}
	for pair := range n.links {
		links[pair] = Path{}
	}
	return n.lay(links, nil)
}

// lay tells the relays of links that are to change. The lock is held.
func (n *Network) lay(links map[Pair]Path, apart map[client.NodeID]bool) error {
	var errs []error
	for pair, path := range links {
		cut := cutOff(pair, apart)
		if path == n.links[pair] && cut == cutOff(pair, n.apart) {
			continue
		}
		c := path.conditions(cut)
		errs = append(errs, n.mesh.Set(pair[0], pair[1], c), n.mesh.Set(pair[1], pair[0], c))
	}
	n.links, n.apart = links, apart
	return errors.Join(errs...)
}

func cutOff(pair Pair, apart map[client.NodeID]bool) bool { return apart[pair[0]] != apart[pair[1]] }

// State describes the links.
func (n *Network) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := State{Nodes: n.mesh.Nodes(), Apart: slices.AppendSeq([]client.NodeID{}, maps.Keys(n.apart))}
	slices.Sort(s.Apart)
	for _, pair := range slices.SortedFunc(maps.Keys(n.links), func(a, b Pair) int { return slices.Compare(a[:], b[:]) }) {
		c := n.mesh.Counters(pair[0], pair[1]).Plus(n.mesh.Counters(pair[1], pair[0]))
		s.Links = append(s.Links, LinkState{
			Nodes: pair, Path: n.links[pair], Cut: cutOff(pair, n.apart),
			Arrived: c.Delivered, Lost: c.Lost, CutOff: c.Cut, Overflown: c.Overflowed,
		})
	}
	return s
}

// Close stops the relays.
func (n *Network) Close() error { return n.mesh.Close() }
