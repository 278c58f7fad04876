package mem

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// direction names a path: from one node to another.
type direction struct{ from, to raft.NodeID }

// path is one direction between two nodes.
type path struct {
	link   Link
	cut    bool
	chance *rand.Rand
	queued [transport.ClassCount]int // frames under way

	sentFrames, sentBytes, lostFrames, refused uint64
}

// pair is the connection between two nodes, whichever of them is asked.
type pair struct {
	up         bool
	epoch      uint64 // grows whenever up changes
	reconnects uint64
}

// Switch connects the Networks of one test. All methods are safe for concurrent use.
type Switch struct {
	cfg Config

	mu    sync.Mutex // guards all below, and the state of every Network
	nodes map[raft.NodeID]*Network
	boots map[raft.NodeID]uint64 // how many times each has joined
	paths map[direction]*path
	pairs map[direction]*pair // from < to
	seq   uint64              // orders what is due at the same time
}

// NewSwitch returns a Switch without nodes.
func NewSwitch(cfg Config) (*Switch, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Switch{
		cfg:   cfg.withDefaults(),
		nodes: map[raft.NodeID]*Network{},
		boots: map[raft.NodeID]uint64{},
		paths: map[direction]*path{},
		pairs: map[direction]*pair{},
	}, nil
}

// Join adds a node and starts its Network, which the caller must Close. A node
// that was closed may join again, as after a restart.
func (s *Switch) Join(id raft.NodeID, h transport.Handler) (*Network, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == 0 || s.nodes[id] != nil {
		return nil, fmt.Errorf("mem: join: %v is no node's ID or is there already", id)
	}
	n := newNetwork(s, id, h)
	s.nodes[id] = n
	s.boots[id]++
	go n.run()
	return n, nil
}

// SetLink changes how one direction behaves; what is under way is not affected.
func (s *Switch) SetLink(from, to raft.NodeID, link Link) error {
	if err := link.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path(from, to).link = link.withDefaults()
	return nil
}

// Cut loses all that goes in one direction from now on. The connection falls, at
// both ends, after Config.DetectDelay; so a cut in one direction ends both.
func (s *Switch) Cut(from, to raft.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path(from, to).cut = true
	s.reconsider(from, to)
}

// Mend undoes Cut.
func (s *Switch) Mend(from, to raft.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path(from, to).cut = false
	s.reconsider(from, to)
}

// Partition cuts both directions between nodes of different sides, and mends all
// others. A node on no side is alone.
func (s *Switch) Partition(sides ...[]raft.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := func(id raft.NodeID) int {
		return slices.IndexFunc(sides, func(ids []raft.NodeID) bool { return slices.Contains(ids, id) })
	}
	s.cutWhere(func(a, b raft.NodeID) bool { return side(a) != side(b) || side(a) < 0 })
}

// Heal mends everything.
func (s *Switch) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutWhere(func(_, _ raft.NodeID) bool { return false })
}

// cutWhere sets every path between known nodes to cut or not. s.mu is held.
func (s *Switch) cutWhere(cut func(a, b raft.NodeID) bool) {
	for _, d := range s.directions() {
		s.path(d.from, d.to).cut = cut(d.from, d.to)
	}
	for _, d := range s.directions() {
		if d.from < d.to {
			s.reconsider(d.from, d.to)
		}
	}
}

// directions lists those between nodes that are there or once had a path, in
// order. s.mu is held.
func (s *Switch) directions() []direction {
	known := map[direction]bool{}
	for d := range s.paths {
		known[d] = true
	}
	for a := range s.nodes {
		for b := range s.nodes {
			if a != b {
				known[direction{a, b}] = true
			}
		}
	}
	out := make([]direction, 0, len(known))
	for d := range known {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b direction) int {
		return slices.Compare([]raft.NodeID{a.from, a.to}, []raft.NodeID{b.from, b.to})
	})
	return out
}

// path returns a direction's state. s.mu is held.
func (s *Switch) path(from, to raft.NodeID) *path {
	d := direction{from, to}
	if s.paths[d] == nil {
		// Why a source per path: one path's traffic must not change another's fate.
		chance := rand.New(rand.NewPCG(s.cfg.Seed, uint64(from)<<32^uint64(to)))
		s.paths[d] = &path{link: s.cfg.Link, chance: chance}
	}
	return s.paths[d]
}

// pair returns the state of the connection between two nodes. s.mu is held.
func (s *Switch) pair(a, b raft.NodeID) *pair {
	d := direction{min(a, b), max(a, b)}
	if s.pairs[d] == nil {
		s.pairs[d] = &pair{}
	}
	return s.pairs[d]
}

// reconsider brings a connection up at once when it can stand, and down when it
// cannot: at once when a node left or dropped the other, later for a cut, which
// somebody has to notice. s.mu is held.
func (s *Switch) reconsider(a, b raft.NodeID) {
	p := s.pair(a, b)
	wanted := s.wanted(a, b)
	cut := s.path(a, b).cut || s.path(b, a).cut
	switch {
	case wanted && p.up && cut && s.cfg.DetectDelay > 0:
		s.schedule(s.nodes[a], event{kind: eventCheck, from: b, epoch: p.epoch, at: time.Now().Add(s.cfg.DetectDelay)})
	case p.up != (wanted && !cut):
		s.flip(a, b)
	}
}

// check ends a connection that has been cut since it was scheduled. s.mu is held.
func (s *Switch) check(a, b raft.NodeID, epoch uint64) {
	p := s.pair(a, b)
	if p.up && p.epoch == epoch && (s.path(a, b).cut || s.path(b, a).cut) {
		s.flip(a, b)
	}
}

// flip turns a connection up or down and tells both ends. s.mu is held.
func (s *Switch) flip(a, b raft.NodeID) {
	p := s.pair(a, b)
	p.up = !p.up
	p.epoch++
	kind := eventDown
	if p.up {
		kind = eventUp
		p.reconnects++
	}
	now := time.Now()
	for _, end := range []direction{{a, b}, {b, a}} {
		if n := s.nodes[end.from]; n != nil {
			s.schedule(n, event{kind: kind, from: end.to, epoch: p.epoch, boot: s.boots[end.to], at: now})
		}
	}
}

// wanted reports whether both nodes are there and list each other. s.mu is held.
func (s *Switch) wanted(a, b raft.NodeID) bool {
	na, nb := s.nodes[a], s.nodes[b]
	return na != nil && nb != nil && na.peers[b] && nb.peers[a]
}
