package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/raft"
)

// shelf drives the Retention of a node: it looks what is there and what is named, and
// removes modules.
type shelf struct {
	node *Node
	in   *mailbox[func(*shelf)]

	// mu guards the fields below. Why it is held while a module is removed: whoever wants it
	// waits until it is gone, or comes first and it stays.
	mu        sync.Mutex
	retention *Retention
	held      map[Digest]int // how many backups need it

	stored, storedBytes, removed, removedBytes atomic.Uint64
	paused                                     atomic.Bool
}

// ModuleStats say what this node holds, as of when it last looked, and what it has removed
// since the start of the process.
type ModuleStats struct {
	Stored, StoredBytes   uint64 // modules and artefacts
	Removed, RemovedBytes uint64
	// Paused: nothing is removed, because what some machine's log names cannot be told.
	Paused bool
}

// ModuleStats returns what became of the modules of this node.
func (n *Node) ModuleStats() ModuleStats {
	s := n.shelf
	return ModuleStats{
		Stored: s.stored.Load(), StoredBytes: s.storedBytes.Load(),
		Removed: s.removed.Load(), RemovedBytes: s.removedBytes.Load(), Paused: s.paused.Load(),
	}
}

func newShelf(n *Node) *shelf {
	return &shelf{
		node: n, in: newMailbox[func(*shelf)](1 << 4), held: map[Digest]int{},
		retention: NewRetention(n.cfg.ModuleGrace, n.clock.Now()),
	}
}

// run is the shelf's goroutine.
func (s *shelf) run() {
	drive(s.node, s.in, s, func() {
		for look, more := s.step(); more; look, more = s.step() {
			if look {
				s.node.spawn(s.look)
			}
		}
	})
}

// Tick implements ticked.
func (s *shelf) Tick(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retention.Tick(now)
}

// NextDeadline implements ticked.
func (s *shelf) NextDeadline() (at time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retention.NextDeadline()
}

// want says that modules are about to be stored, or to be needed: none of them is removed
// for a while. Call it before looking whether they are here.
func (s *shelf) want(digests ...Digest) {
	now := s.node.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retention.Tick(now)
	for _, d := range digests {
		s.retention.Want(d)
	}
}

// hold keeps a run's modules until release is called, once.
func (s *shelf) hold(run MachineRun) (release func()) {
	count := func(by int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range []Digest{run.Module, run.Artefact} {
			if s.held[d] += by; s.held[d] == 0 {
				delete(s.held, d)
			}
		}
	}
	count(1)
	s.want(run.Module, run.Artefact)
	return func() {
		s.want(run.Module, run.Artefact) // Why: who takes a backup asks for the module behind the state
		count(-1)
	}
}

// step carries out one removal, or asks for a look. more is false when there is nothing to do.
func (s *shelf) step() (look, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, done := s.retention.Next()
	if a.Remove != nil {
		s.remove(*a.Remove)
	}
	return a.Look, !done
}

// remove deletes a module. s is locked.
func (s *shelf) remove(d Digest) {
	n := s.node
	size, err := n.modules.Size(d)
	if err == nil {
		err = n.modules.Remove(d)
	}
	s.retention.Removed(d, err)
	if err != nil {
		n.log.Warn("a module that nothing names could not be removed; it is tried again later", "module", d.String(), "err", err)
		return
	}
	s.removed.Add(1)
	s.removedBytes.Add(uint64(size))
	n.deploys.in.force(func(dep *Deployer) { dep.ModuleRemoved(d) })
	n.log.Info("a module is removed from this node: no log, snapshot or rollback names it any more", "module", d.String(), "bytes", size)
}

// look finds out what is here and what is named.
func (s *shelf) look() {
	ctx, cancel := s.node.bound(s.node.ctx)
	defer cancel()
	v, err := s.view(ctx)
	if paused := errors.Is(err, errHistory); paused != s.paused.Swap(paused) && paused {
		s.node.log.Warn("no modules are removed from this node until a newer snapshot lets its log be cut", "err", err)
	}
	s.in.force(func(s *shelf) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retention.Looked(v, err)
	})
}

// errHistory: a machine was upgraded more often than its history is long, and a replica here
// may begin before that. It passes with a newer snapshot.
var errHistory = errors.New("node: the history does not reach back to where the log begins")

// view is what is here, and what is named in a catalogue that is no older than the call.
//
// Why a linearizable read: a node that is behind would not know of upgrades whose modules
// it was sent. What is asked for later is wanted first, see want.
func (s *shelf) view(ctx context.Context) (ModuleView, error) {
	n := s.node
	if err := n.Barrier(ctx); err != nil {
		return ModuleView{}, err
	}
	stored, err := n.modules.List()
	if err != nil {
		return ModuleView{}, err
	}
	s.count(stored)
	v := ModuleView{Stored: stored, Named: map[Digest]bool{}}
	c := n.catalogue.Load()
	for _, m := range c.Machines {
		reach, err := n.reach(ctx, m.Group)
		if err != nil {
			return v, err
		}
		names, known := m.Names(reach)
		if !known {
			return v, fmt.Errorf("%w: machine %q, behind index %d", errHistory, m.Name, reach.Floor)
		}
		for _, named := range names {
			v.Named[named.Run.Module], v.Named[named.Run.Artefact] = true, true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.held {
		v.Named[d] = true
	}
	return v, n.strangers(c)
}

// count notes what is here.
func (s *shelf) count(stored []Digest) {
	var bytes int64
	for _, d := range stored {
		bytes += s.node.ModuleSize(d)
	}
	s.stored.Store(uint64(len(stored)))
	s.storedBytes.Store(uint64(bytes))
}

// reach is what this node's replica of a group may yet begin with, or nil without one.
func (n *Node) reach(ctx context.Context, id raft.GroupID) (*ReplicaReach, error) {
	g := n.group(id)
	if g == nil {
		return nil, nil
	}
	status, err := n.status(ctx, g)
	if err != nil {
		return nil, err
	}
	r := &ReplicaReach{Floor: status.PurgedIndex, Running: n.Running(id).Run}
	if n.snapshots.files == nil {
		return r, nil
	}
	files, err := n.snapshots.files.List(id)
	if err == nil && len(files) > 0 {
		r.Floor = min(r.Floor, files[0].Index)
	}
	return r, err
}

// strangers refuses to say what is named while there are logs here of which the catalogue
// knows nothing.
func (n *Node) strangers(c *Catalogue) error {
	n.groupsMu.RLock()
	defer n.groupsMu.RUnlock()
	for id := range n.groups {
		if id >= max(c.NextGroup, MetaGroup+1) {
			return fmt.Errorf("node: the catalogue does not know group %d", id)
		}
	}
	return nil
}
