package node

import (
	"context"
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// GroupInfo is what this node knows of one of its groups.
type GroupInfo struct {
	Group   raft.GroupID
	Machine string // "" for the meta group
	Status  raft.Status
	Applied raft.Index
	Phase   DeployPhase
	Cause   error  // why the machine does not run here
	Rebuilt uint64 // how often its state was found wrong and made anew
	// TermJumps counts how often a peer raised the term by more than raft.TermJumpMax at once.
	TermJumps uint64
	Events    EventStats
	Work      Work
	Commits   CommitStats
}

// Check is the verdict of one readiness check.
type Check struct {
	Name   string
	OK     bool
	Detail string
}

// Catalogue is the newest catalogue applied here; never nil, never changed.
func (n *Node) Catalogue() *Catalogue { return n.catalogue.Load() }

// Nodes are the cluster's nodes, from the catalogue once it is bootstrapped.
func (n *Node) Nodes() []NodeRecord {
	if c := n.catalogue.Load(); len(c.Nodes) > 0 {
		return c.Nodes
	}
	return n.cfg.Nodes
}

// Links describes the paths to the peers.
func (n *Node) Links() []transport.LinkStats { return n.network.Links() }

// Leader is the leader of a group as far as this node knows, or 0.
func (n *Node) Leader(g raft.GroupID) raft.NodeID {
	if gr := n.group(g); gr != nil {
		return gr.status.Load().Leader
	}
	return 0
}

// Find looks a machine up by name; see Barrier for how fresh the answer is.
func (n *Node) Find(ctx context.Context, name string) (MachineRecord, error) {
	m, err := n.findMachine(ctx, name)
	if err != nil {
		return MachineRecord{}, err
	}
	return *m, nil
}

// Group describes one of this node's groups.
func (n *Node) Group(ctx context.Context, id raft.GroupID, machine string) (GroupInfo, error) {
	info := GroupInfo{Group: id, Machine: machine, Phase: PhaseGroup}
	g := n.group(id)
	if g == nil {
		return info, nil
	}
	type answer struct {
		status  raft.Status
		commits CommitStats
	}
	a, err := askShard(ctx, n, g, func(s *Shard) answer { return answer{s.Status(id), s.Commits(id)} })
	if err != nil {
		return info, err
	}
	info.Status, info.Commits = a.status, a.commits
	info.Applied, info.Work = raft.Index(g.applier.applied.Load()), g.applier.work.get()
	info.Phase, info.Rebuilt = PhaseRunning, g.applier.rebuilt.Load()
	info.TermJumps = g.termJumps.Load()
	info.Events = g.applier.feed.stats()
	if id != MetaGroup {
		info.Phase, info.Cause = n.phase(id)
	}
	return info, nil
}

// Digest is the SHA-256 of what a machine exports on this node, and at which index.
func (n *Node) Digest(ctx context.Context, id raft.GroupID) ([32]byte, raft.Index, error) {
	g := n.group(id)
	if g == nil {
		return [32]byte{}, 0, ErrMachineNotRunning
	}
	type answer struct {
		digest [32]byte
		index  raft.Index
		err    error
	}
	ch := make(chan answer, 1)
	g.applier.digest(func(d [32]byte, i raft.Index, err error) { ch <- answer{d, i, err} })
	select {
	case a := <-ch:
		return a.digest, a.index, a.err
	case <-ctx.Done():
		return [32]byte{}, 0, timeoutError(ctx.Err())
	case <-n.stop:
		return [32]byte{}, 0, ErrStopping
	}
}

// Checks are the readiness checks of this node; none blocks for long.
func (n *Node) Checks() []Check {
	meta := &raft.Status{}
	if g := n.group(MetaGroup); g != nil {
		meta = g.status.Load()
	}
	checks := []Check{
		{Name: "disk", OK: n.Cause() == nil, Detail: "writes are durable"},
		{Name: "meta-leader", OK: meta.Leader != 0, Detail: fmt.Sprintf("%v leads the meta group", meta.Leader)},
		{Name: "catalogue", OK: n.catalogue.Load().Cluster != "", Detail: "the catalogue is applied"},
	}
	if r := n.Room(); r.Low {
		checks[0].OK, checks[0].Detail = false, fmt.Sprintf("%d MiB are free, %d MiB are needed; free some space on the disk of the data directory", r.Free>>20, r.Minimum>>20)
	}
	if err := n.Cause(); err != nil {
		checks[0].Detail = err.Error()
	}
	if meta.Leader == 0 {
		checks[1].Detail = "no leader is known; are a majority of the nodes running and connected?"
	}
	if stage := n.births.Stage(); stage != StageBorn {
		checks[1].Detail = fmt.Sprintf("this node takes no part in the cluster yet: it is %v", stage)
	}
	if !checks[2].OK {
		checks[2].Detail = "the catalogue has not been read yet"
	}
	return append(checks, n.machineCheck(), n.tailCheck())
}

// status asks the shard for a group's status as it is now.
func (n *Node) status(ctx context.Context, g *group) (raft.Status, error) {
	return askShard(ctx, n, g, func(s *Shard) raft.Status { return s.Status(g.id) })
}

// askShard asks the shard of a group for what it knows now.
func askShard[T any](ctx context.Context, n *Node, g *group, question func(*Shard) T) (T, error) {
	var none T
	ch := make(chan T, 1)
	if !g.shard.in.put(func(s *Shard) { ch <- question(s) }) {
		return none, ErrBusy
	}
	select {
	case answer := <-ch:
		return answer, nil
	case <-ctx.Done():
		return none, timeoutError(ctx.Err())
	case <-n.stop:
		return none, ErrStopping
	}
}
