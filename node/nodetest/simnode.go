package nodetest

import (
	"context"
	"errors"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/transport"
)

// simNode is one node of the simulation in one of its lives: the same steps that
// package node drives with goroutines, called from events.
type simNode struct {
	sim   *Sim
	id    raft.NodeID
	life  uint64 // counts restarts; events of an earlier life are void
	store *MemStore

	modules   map[node.Digest]bool
	shard     *node.Shard
	writer    node.LogWriter
	deployer  *node.Deployer
	upgrader  *node.Upgrader
	seating   *node.Seating
	retention *node.Retention
	retainAt  time.Duration // when the retention is next looked at; 0: never
	birth     *node.Birth
	born      raft.Incarnation // the life that takes part; 0: none yet
	catalogue *node.Catalogue
	groups    map[raft.GroupID]*simGroup
	out       node.ShardEffects
	pumping   bool
	tickAt    time.Duration // when the next tick event is due; 0: none
}

// simTicket is whoever waits for a command.
type simTicket interface {
	failed(raft.Outcome, error)
	answered(node.Applied)
}

// simReader is whoever waits for a read.
type simReader interface {
	failed()
	answered(data []byte)
}

// simGroup is a replica's applier and what waits for it.
type simGroup struct {
	applier *node.Applier
	work    []node.ApplyWork // committed, waiting for the machine
	busy    bool             // an apply event is scheduled
	waiting bool             // for the module of an upgrade
	reads   []node.ReadAnswer

	record     node.MachineRecord // of the machine
	reach      raft.Index         // the core hands out what comes behind it
	generation uint64             // applies of an earlier one are void
	transfer   *simTransfer
	exporting  bool       // the log was asked for an export
	exported   raft.Index // of the newest export entry that was counted
}

// start opens the node on its store, as a process would.
func (n *simNode) start() error {
	n.shard = node.NewShard(n.sim.now())
	n.deployer = node.NewDeployer(n.id, n.sim.now(), 0)
	n.upgrader = node.NewUpgrader(n.sim.now())
	n.seating = node.NewSeating(n.id, n.sim.now())
	n.retention = node.NewRetention(n.sim.cfg.ModuleGrace, n.sim.now())
	n.catalogue = &node.Catalogue{}
	n.groups = map[raft.GroupID]*simGroup{}
	n.birth = n.newBirth()
	if life := n.sim.identities[n.id]; life > 1 || life == 1 && n.tookPart() {
		if err := n.begin(life); err != nil {
			return err
		}
	}
	n.pump()
	return nil
}

// begin takes part in a life that is on the disk.
func (n *simNode) begin(life raft.Incarnation) error {
	n.born = life
	n.deployer.Live(life)
	if err := n.store.CreateGroup(node.MetaGroup, raft.SnapshotMeta{Configuration: confchange.New(n.sim.ids()...)}); err != nil {
		return err
	}
	ids, err := n.store.Groups()
	if err != nil {
		return err
	}
	n.found(ids)
	for _, g := range ids {
		if err := n.addGroup(g); err != nil {
			return err
		}
	}
	n.catchUp()
	n.openFrom(node.MetaGroup)
	return nil
}

func (n *simNode) metaMachine() *node.MetaMachine {
	return node.NewMetaMachine(func(c *node.Catalogue) {
		n.catalogue = c
		n.followModes()
		n.deployer.Observe(c)
		n.upgrader.Observe(c)
		n.seating.Observe(c)
	})
}

// fresh is an applier at the beginning of a group's log.
func (n *simNode) fresh(id raft.GroupID) *node.Applier {
	if id == node.MetaGroup {
		return node.NewApplier(id, n.metaMachine(), n.store)
	}
	return node.NewApplier(id, &ledger{module: n.groups[id].record.Run.Module}, n.store)
}

func (n *simNode) addGroup(g raft.GroupID) error {
	if n.groups[g] != nil {
		return nil
	}
	restored, err := n.store.Restore(g)
	if err != nil {
		return err
	}
	core, err := raft.New(raft.Config{
		ID: n.id, Incarnation: n.born, Group: g, Seed: n.sim.chance.at("core", uint64(n.id), n.life, uint64(g)).Uint64(),
		HeartbeatInterval: n.sim.cfg.Heartbeat, ElectionTimeoutMin: n.sim.cfg.ElectionTimeout, ElectionTimeoutMax: 2 * n.sim.cfg.ElectionTimeout,
		CacheBytesMax: n.sim.cfg.CacheBytesMax, ApplyBytesMax: n.sim.cfg.ApplyBytesMax,
		LeaseReads: n.sim.cfg.LeaseReads && g != node.MetaGroup, RetainedEntriesMax: n.sim.cfg.TailEntries, PinnedBytesMax: n.sim.cfg.PinnedBytes,
	}, restored, n.sim.now())
	if err != nil {
		return err
	}
	n.groups[g] = &simGroup{reach: restored.Snapshot.Index}
	n.shard.Add(g, core)
	return nil
}

func (n *simNode) open(a *node.Applier, id raft.GroupID) {
	g := n.groups[id]
	if id != node.MetaGroup {
		a.FollowUpgrades(g.record.Run, n)
	}
	a.TakeSnapshots(node.SnapshotPolicy{LogBytes: n.sim.cfg.SnapshotBytes})
	g.applier, g.exporting, g.exported = a, false, a.LastExport().Index
	n.followModes()
	if a.Applied() < g.reach { // the core thinks that this much is applied, or a machine before this one had it
		w := node.ApplyWork{Range: raft.ApplyRange{First: a.Applied() + 1, Last: g.reach}}
		g.work = append([]node.ApplyWork{w}, g.work...)
	}
	n.applyNext(id)
	n.serveReads(g)
}

// later schedules an event that is void once this life is over.
func (n *simNode) later(d time.Duration, run func()) {
	life := n.life
	n.sim.events.after(d, func() {
		if n.sim.nodes[n.id] == n && n.life == life {
			run()
			n.pump()
		}
	})
}

// pump carries out what the steps want until they want nothing more now.
func (n *simNode) pump() {
	if n.pumping {
		return
	}
	n.pumping = true
	n.live()
	n.shard.Tick(n.sim.now())
	n.shard.Drain(&n.out)
	for _, w := range n.out.Writes {
		if w.Write.Reset {
			n.void(w.Group)
		}
	}
	n.writer.Add(n.out.Writes...)
	n.write()
	n.snapshots()
	for _, s := range n.out.Sends {
		n.sim.send(n.id, s)
	}
	for _, a := range n.out.Applies {
		g := n.groups[a.Group]
		g.work = append(g.work, a.Work)
		n.applyNext(a.Group)
	}
	for _, f := range n.out.Fetches {
		n.fetch(f)
	}
	for _, f := range n.out.Failures {
		f.Ticket.(simTicket).failed(f.Outcome, f.Err)
	}
	for _, r := range n.out.Reads {
		n.read(r)
	}
	for _, s := range n.out.Statuses {
		n.upgrader.Lead(s.Group, s.Status.Role == raft.Leader)
		n.seating.Lead(s.Group, s.Status)
	}
	for _, c := range n.out.Changes {
		n.seating.Changed(c.Group, c.Err)
	}
	n.deploy()
	n.upgrade()
	n.seat()
	n.retain()
	n.schedule()
	n.pumping = false
	n.sim.check(n)
}

// schedule makes sure that a tick comes at the shard's next deadline.
func (n *simNode) schedule() {
	at, ok := n.shard.NextDeadline()
	if !ok || n.tickAt > n.sim.now() && n.tickAt <= at {
		return
	}
	n.tickAt = max(at, n.sim.now()+time.Microsecond)
	n.later(n.tickAt-n.sim.now(), func() {})
}

// write performs the next batch: what is written stays unsynced until its sync.
func (n *simNode) write() {
	batch := n.writer.Next()
	if batch == nil {
		return
	}
	r := n.sim.draw("disk", n.id)
	if err := n.store.Write(batch); err != nil {
		n.sim.violate("write on %v: %v", n.id, err)
		return
	}
	n.later(between(r, n.sim.cfg.DiskMin, n.sim.cfg.DiskMax), func() {
		n.store.Sync()
		for _, w := range batch {
			if w.Write.Snapshot != nil {
				n.sim.disk(n.id, w.Group).retain(w.Write.Snapshot.Index)
			}
		}
		for _, d := range n.writer.Done() {
			n.shard.Persisted(d.Group, d.Write)
		}
		n.write()
	})
}

func (n *simNode) applyNext(id raft.GroupID) {
	g := n.groups[id]
	if g.busy || g.waiting || g.applier == nil || len(g.work) == 0 {
		return
	}
	g.busy = true
	generation := g.generation
	n.later(between(n.sim.draw("apply", n.id), time.Microsecond, n.sim.cfg.ApplyMax), func() {
		if g.generation != generation {
			return
		}
		w := g.work[0]
		g.work, g.busy = g.work[1:], false
		last := w.Range.Last
		g.reach = max(g.reach, last)
		if at := g.applier.Applied(); at >= w.Range.First { // it is in the snapshot
			g.abandon(w)
			w = w.After(min(at, last))
		}
		var answers []node.Applied
		var err error
		if w.Range.First <= last {
			answers, err = g.applier.Apply(context.Background(), w)
		}
		var await *node.AwaitModuleError
		if errors.As(err, &await) {
			g.waiting, g.work = true, append([]node.ApplyWork{w.After(g.applier.Applied())}, g.work...)
			n.upgrader.Await(id, await.Module, await.Index)
		} else if err != nil {
			n.sim.violate("apply on %v: %v", n.id, err)
			return
		}
		if at := min(g.applier.Applied(), last); at > 0 {
			n.shard.Applied(id, at)
		}
		n.capture(id)
		n.export(id)
		for _, a := range answers {
			a.Ticket.(simTicket).answered(a)
		}
		n.serveReads(g)
		n.applyNext(id)
	})
}

func (n *simNode) fetch(f node.GroupFetch) {
	n.later(between(n.sim.draw("fetch", n.id), n.sim.cfg.DiskMin, n.sim.cfg.DiskMax), func() {
		entries, err := n.store.Entries(f.Group, f.Fetch.Lo, f.Fetch.Hi, 1<<16)
		if err != nil {
			entries = nil // the range may have been truncated since; the core asks again
		}
		n.shard.Fetched(f.Group, f.Fetch.Peer, f.Fetch.Lo, entries)
	})
}

func (n *simNode) read(r node.ReadAnswer) {
	if r.Err != nil {
		r.Ticket.(simReader).failed()
		return
	}
	g := n.groups[r.Group]
	g.reads = append(g.reads, r)
	n.serveReads(g)
}

func (n *simNode) serveReads(g *simGroup) {
	if g.applier == nil {
		return
	}
	kept := g.reads[:0]
	for _, r := range g.reads {
		if g.applier.Applied() < r.Index {
			kept = append(kept, r)
			continue
		}
		result, err := g.applier.Query(context.Background(), nil)
		if err != nil {
			n.sim.violate("query on %v: %v", n.id, err)
		}
		r.Ticket.(simReader).answered(result.Data)
	}
	g.reads = kept
}

// deploy carries out what the deployer wants.
func (n *simNode) deploy() {
	n.deployer.Tick(n.sim.now())
	for _, a := range n.deployer.Next() {
		switch {
		case a.CreateGroup != nil:
			n.createGroup(*a.CreateGroup)
		case a.FetchModule != nil:
			n.fetchModule(*a.FetchModule)
		case a.OpenMachine != nil:
			m := *a.OpenMachine
			n.later(time.Millisecond, func() { n.openMachine(m) })
		case a.RemoveGroup != nil:
			n.removeGroup(a.RemoveGroup.Group)
		}
	}
	if at, ok := n.deployer.NextDeadline(); ok && at > n.sim.now() {
		n.later(at-n.sim.now(), func() {})
	}
}

func (n *simNode) openMachine(m node.MachineRecord) {
	if g := n.groups[m.Group]; g != nil { // else it was deleted meanwhile
		g.record = m
		n.openFrom(m.Group)
		n.deployer.MachineOpened(m.Group, nil)
	}
}

func (n *simNode) createGroup(m node.MachineRecord) {
	n.later(n.sim.cfg.DiskMin, func() {
		err := n.store.CreateGroup(m.Group, raft.SnapshotMeta{Configuration: m.First.Configuration()})
		if err == nil {
			err = n.addGroup(m.Group)
		}
		n.deployer.GroupCreated(m.Group, err)
		if err != nil {
			n.sim.violate("create group %d on %v: %v", m.Group, n.id, err)
		}
		n.shard.Campaign(m.Group)
	})
}

// fetchModule asks one live peer after the other, as the real one does.
func (n *simNode) fetchModule(f node.FetchModule) {
	n.later(between(n.sim.draw("module", n.id), n.sim.cfg.DelayMin, 4*n.sim.cfg.DelayMax), func() {
		n.want(f.Module)
		if n.modules[f.Module] {
			n.deployer.ModuleStored(f.Module)
			return
		}
		for _, p := range f.Peers {
			if peer := n.sim.nodes[p]; peer != nil && peer.modules[f.Module] && n.sim.reachable(n.id, p) {
				n.modules[f.Module] = true
				n.deployer.ModuleStored(f.Module)
				return
			}
		}
		n.deployer.FetchFailed(f.Module, transport.ErrNotFound)
	})
}
