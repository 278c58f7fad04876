package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// Node is one running node: the step machines, the goroutines that drive them,
// and what a caller may ask. Its methods are safe for concurrent use.
type Node struct {
	cfg     Config
	store   LogStore
	modules ModuleStore
	opener  MachineOpener
	network transport.Network
	clock   clock.Clock
	wall    func() time.Time // see Parts.Wall; never nil
	log     *slog.Logger

	ctx    context.Context // ends when the node stops
	cancel context.CancelFunc
	stop   <-chan struct{} // ctx.Done()
	wait   sync.WaitGroup

	shards    []*shardLoop
	deploys   *deployLoop
	upgrades  *upgradeLoop
	seating   *seatingLoop
	placing   *placingLoop
	births    *birthLoop
	forwards  *forwards
	passed    *passed
	traces    *traces // nil: no spans are made
	lines     *machineLines
	snapshots *snapshots
	scrub     *scrub
	transfers transferMeter
	shelf     *shelf
	watch     watch
	backups   chan struct{} // a token per backup that is being taken
	view      atomic.Pointer[View]
	views     chan struct{} // a token per peer that is told how this node sees the cluster
	space     DiskSpace     // nil: nobody looks after it
	room      atomic.Pointer[storage.Room]
	catalogue atomic.Pointer[Catalogue]
	met       atomic.Pointer[[]NodeRecord] // see Meet
	greets    atomic.Bool                  // the network is open, so that strangers may be met
	peersMu   sync.Mutex                   // held while the network is told of the peers, so that the newest list is the last
	changed   *broadcast                   // the catalogue, or a machine's phase, changed
	life      raft.Incarnation             // set before the first group is added
	born      atomic.Uint32                // life, for any goroutine
	recovered raft.Index                   // see Life.Recovered
	current   atomic.Bool                  // the catalogue is no older than this start
	startedTo atomic.Uint64                // the groups below this one are older than this start; set before current

	// metaCommitted is how much of the catalogue was known to be committed at the start.
	metaCommitted raft.Index

	groupsMu sync.RWMutex // guards groups
	groups   map[raft.GroupID]*group

	measuring atomic.Bool // a peer has this node measure their link

	failOnce sync.Once
	failed   chan struct{}
	cause    error // set before failed is closed
}

// group is what the node's goroutines share of one replica.
type group struct {
	id      raft.GroupID
	shard   *shardLoop
	applier *applierLoop
	status  atomic.Pointer[raft.Status] // as of the last change of role, term or leader
	changed *broadcast                  // status changed

	termJumps atomic.Uint64
	caughtUp  atomic.Bool // the machine has applied what was committed before the replica was begun here
	origins   origins     // of commands, since the placing last looked

	ctx    context.Context // ends with the node, or when the machine is deleted
	cancel context.CancelFunc
	work   groupWork

	receiving chan struct{} // a token: one file of a snapshot is received at a time
	bringing  *bringing     // what the core asked for; the shard's goroutine owns it
}

// Start restores every group of the store, or bootstraps the meta group of a new
// cluster, and begins to run. The store must belong to this node already.
func Start(cfg Config, parts Parts) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	n := &Node{
		cfg: cfg, store: parts.Store, modules: parts.Modules, opener: parts.Opener, space: parts.Space,
		clock: parts.Clock, wall: parts.Wall, log: parts.Logger.With("node", uint64(cfg.Self)),
		ctx: ctx, cancel: cancel, stop: ctx.Done(),
		changed: newBroadcast(), groups: map[raft.GroupID]*group{}, failed: make(chan struct{}),
	}
	if n.wall == nil {
		n.wall = func() time.Time { return time.Unix(0, 0) }
	}
	n.catalogue.Store(&Catalogue{})
	n.room.Store(&storage.Room{})
	n.forwards, n.passed = newForwards(), newPassed()
	if parts.Tracer != nil {
		n.traces = &traces{tracer: parts.Tracer, wall: n.wall, clock: parts.Clock, machine: n.machineName}
	}
	n.lines = newMachineLines(n.wall)
	n.snapshots = newSnapshots(n, parts.Snapshots)
	n.scrub = &scrub{node: n}
	n.shelf = newShelf(n)
	n.backups = make(chan struct{}, backupsMax)
	n.views = make(chan struct{}, viewsMax)
	for range cfg.Shards {
		n.shards = append(n.shards, newShardLoop(n))
	}
	n.deploys = newDeployLoop(n)
	n.upgrades = newUpgradeLoop(n)
	n.seating = newSeatingLoop(n)
	n.placing = newPlacingLoop(n)
	n.transfers = newTransferMeter()
	n.births = newBirthLoop(n, parts.Life)
	if parts.Life != nil {
		n.recovered = parts.Life.Recovered
	}
	err := n.open(parts)
	if err == nil && n.group(MetaGroup) != nil {
		if err = n.replayCatalogue(n.metaCommitted); err != nil {
			_ = n.network.Close() // the first error says more
		}
	}
	if err != nil {
		cancel()
		n.wait.Wait()
		return nil, err
	}
	return n, nil
}

func (n *Node) open(parts Parts) error {
	var err error
	if n.network, err = parts.Network(handler{n}); err != nil {
		return fmt.Errorf("node: open network: %w", err)
	}
	if err = n.comeToLife(parts.Life); err != nil {
		_ = n.network.Close() // the first error says more
		return err
	}
	n.connect()
	n.greets.Store(true)
	for _, s := range n.shards {
		n.spawn(s.run)
		n.spawn(s.runFetches)
		n.spawn(s.writer.run)
	}
	n.spawn(n.deploys.run)
	n.spawn(n.upgrades.run)
	n.spawn(n.seating.run)
	n.spawn(n.placing.run)
	n.spawn(n.runPaths)
	n.spawn(n.runWatch)
	if n.cfg.ScrubInterval > 0 {
		n.spawn(n.scrub.run)
	}
	if n.cfg.ModuleGrace > 0 {
		n.spawn(n.shelf.run)
	}
	if n.space != nil {
		n.spawn(n.runRoom)
	}
	n.spawn(n.births.run)
	return nil
}

// comeToLife begins at once when it is certain in which life this node is.
func (n *Node) comeToLife(life *Life) error {
	switch {
	case life == nil:
		return n.begin(1)
	case life.Incarnation == 0:
		return n.births.act(n.ctx) // it may be alone
	}
	took, err := n.tookPart()
	if err != nil {
		return err
	}
	if took || life.Incarnation > 1 {
		n.births.stage.Store(uint32(StageBorn))
		return n.begin(life.Incarnation)
	}
	return n.births.act(n.ctx)
}

// tookPart reports whether this life has voted, or heard of a vote. It creates the meta
// group: a disk that lost its log keeps what it promised.
func (n *Node) tookPart() (bool, error) {
	if err := n.createMeta(); err != nil {
		return false, err
	}
	r, err := n.store.Restore(MetaGroup)
	if err != nil {
		return false, fmt.Errorf("node: restore group %d: %w", MetaGroup, err)
	}
	return r.HardState.Term > 0 || r.Damaged, nil
}

func (n *Node) createMeta() error {
	base := raft.SnapshotMeta{Configuration: initialConfiguration(n.cfg.Nodes)}
	if err := n.store.CreateGroup(MetaGroup, base); err != nil {
		return fmt.Errorf("node: bootstrap: %w", err)
	}
	return nil
}

// begin takes part in the cluster, in a life that is on the disk.
func (n *Node) begin(life raft.Incarnation) error {
	n.life = life
	n.born.Store(uint32(life))
	n.network.SetIncarnation(life)
	if err := n.createMeta(); err != nil {
		return err
	}
	ids, err := n.store.Groups()
	if err != nil {
		return fmt.Errorf("node: list groups: %w", err)
	}
	if err := n.find(ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := n.addGroup(id); err != nil {
			return err
		}
	}
	n.spawn(n.bootstrapCatalogue)
	n.spawn(n.announce)
	n.spawn(n.catchUp)
	n.spawn(n.runTails)
	n.spawn(n.runRemoved)
	n.openMeta()
	n.changed.notify()
	return nil
}

// Failed is closed when the node cannot go on by itself; Cause says why.
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Cause is why the node failed; nil before Failed is closed.
func (n *Node) Cause() error {
	select {
	case <-n.failed:
		return n.cause
	default:
		return nil
	}
}

// Close stops the node: no new requests, no more messages, all goroutines ended
// and machines closed. It does not close the store.
func (n *Node) Close() error {
	n.cancel()
	err := n.network.Close()
	n.wait.Wait()
	return err
}

// Life is the life that this node takes part in; 0 before it does.
func (n *Node) Life() raft.Incarnation { return raft.Incarnation(n.born.Load()) }

// Current reports whether the catalogue is no older than this start: before, what is missing
// in it may be there.
func (n *Node) Current() bool { return n.current.Load() }

// Self is this node's ID.
func (n *Node) Self() raft.NodeID { return n.cfg.Self }

// addGroup restores a group, gives its core to a shard and starts its applier.
func (n *Node) addGroup(id raft.GroupID) error {
	if n.group(id) != nil {
		return nil
	}
	restored, err := n.store.Restore(id)
	if err != nil {
		return fmt.Errorf("node: restore group %d: %w", id, err)
	}
	core, err := raft.New(n.coreConfig(id), restored, n.clock.Now())
	if err != nil {
		return fmt.Errorf("node: start group %d: %w", id, err)
	}
	if id == MetaGroup {
		n.metaCommitted = restored.HardState.Commit
	}
	s := n.shards[uint64(id)%uint64(len(n.shards))]
	g := &group{id: id, shard: s, applier: newApplierLoop(n, id, s), changed: newBroadcast(), receiving: make(chan struct{}, 1)}
	g.ctx, g.cancel = context.WithCancel(n.ctx)
	g.applier.reach = restored.Snapshot.Index
	status := core.Status()
	g.status.Store(&status)
	n.groupsMu.Lock()
	n.groups[id] = g
	n.groupsMu.Unlock()
	n.spawn(g.applier.run)
	s.in.force(func(s *Shard) { s.Add(id, core) })
	return nil
}

func (n *Node) coreConfig(id raft.GroupID) raft.Config {
	return raft.Config{
		ID: n.cfg.Self, Incarnation: n.life, Group: id, Seed: n.cfg.Seed ^ uint64(id)*0x9e3779b97f4a7c15,
		HeartbeatInterval:  n.cfg.Heartbeat,
		ElectionTimeoutMin: n.cfg.ElectionTimeout, ElectionTimeoutMax: 2 * n.cfg.ElectionTimeout,
		DiskStallTimeout: n.cfg.DiskStallTimeout,
		LeaseReads:       n.cfg.LeaseReads && id != MetaGroup, // Why not there: a promise holds up elections, and nobody reads it by lease
		RetainedBytesMax: n.cfg.LogTailBytes, RetainedEntriesMax: n.cfg.LogTailEntries, PinnedBytesMax: n.cfg.LogPinnedBytes,
		EntryBytesMax: max(n.cfg.CommandBytesMax, BatchBytesMax) + entrySlackBytes,
	}
}

func (n *Node) group(id raft.GroupID) *group {
	n.groupsMu.RLock()
	defer n.groupsMu.RUnlock()
	return n.groups[id]
}

func (n *Node) spawn(run func()) {
	n.wait.Add(1)
	go func() {
		defer n.wait.Done()
		run()
	}()
}

// publish takes a replica's new status from its shard.
func (n *Node) publish(s ReplicaStatus) {
	if g := n.group(s.Group); g != nil {
		g.status.Store(&s.Status)
		g.changed.notify()
		if s.Status.Role == raft.Leader {
			g.applier.in.force(func(l *applierLoop) { l.leadNot() })
		}
		n.upgrades.in.force(func(u *Upgrader) { u.Lead(s.Group, s.Status.Role == raft.Leader) })
		n.seating.in.force(func(t *Seating) { t.Lead(s.Group, s.Status) })
		n.placing.in.force(func(p *Placing) { p.Lead(s.Group, s.Status) })
	}
}

// observe logs what an operator can act on.
func (n *Node) observe(e GroupEvent) {
	switch ev := e.Event.(type) {
	case raft.RoleChanged:
		n.log.Debug("role changed", "group", e.Group, "term", ev.Term, "role", ev.Role.String(), "leader", uint64(ev.Leader), "cause", ev.Cause)
	case raft.LogTruncated:
		n.log.Debug("log truncated", "group", e.Group, "index", ev.After)
	case raft.DiskFailed:
		n.log.Error("disk failed, this replica is out of service", "group", e.Group, "err", ev.Err)
	case raft.TermJumped:
		if g := n.group(e.Group); g != nil {
			g.termJumps.Add(1)
		}
		n.log.Error("a peer raised the term far beyond the cluster's; look into that node and its disk",
			"group", e.Group, "peer", uint64(ev.Peer), "term", uint64(ev.After), "before", uint64(ev.Before))
	default:
		n.observeHealth(e)
	}
}

// observeCatalogue takes a new catalogue from the meta machine.
func (n *Node) observeCatalogue(c *Catalogue) {
	n.followModes(n.catalogue.Swap(c), c)
	n.deploys.in.force(func(d *Deployer) { d.Observe(c) })
	n.upgrades.in.force(func(u *Upgrader) { u.Observe(c) })
	n.seating.in.force(func(s *Seating) { s.Observe(c) })
	n.connect()
	n.placing.follows.Store(c.LeaderPolicy().Follow)
	n.placing.in.force(func(p *Placing) { p.Observe(c) })
	n.network.SetPeers(n.peers())
	n.changed.notify()
}

// machineStopped takes the end of a machine from its applier. Without the catalogue
// a node can do nothing.
func (n *Node) machineStopped(g raft.GroupID, err error) {
	if g == MetaGroup {
		n.fail(err)
		return
	}
	n.log.Error("machine stopped on this node; the cluster goes on without this replica", "group", g, "err", err)
	n.deploys.in.force(func(d *Deployer) { d.Stopped(g, err) })
}

// fail ends the node for a reason that it cannot mend.
func (n *Node) fail(err error) {
	n.failOnce.Do(func() {
		n.cause = err
		close(n.failed)
	})
}

// connect has the network keep the nodes connected that are its peers now.
func (n *Node) connect() {
	n.peersMu.Lock()
	defer n.peersMu.Unlock()
	n.network.SetPeers(n.peers())
}

// peers are the nodes to keep connected.
func (n *Node) peers() []transport.Peer {
	var out []transport.Peer
	if n.recovering() {
		return nil
	}
	for _, r := range n.acquaintances() {
		if r.State != NodeRemoved {
			address := r.PeerAddress
			if via, ok := n.cfg.Via[r.ID]; ok {
				address = via
			}
			out = append(out, transport.Peer{ID: r.ID, Address: address})
		}
	}
	return out
}

// initialConfiguration is that of the meta group of a new cluster. A node that joins
// later stands in its own configuration as a learner.
func initialConfiguration(nodes []NodeRecord) raft.Configuration {
	var ids []raft.NodeID
	for _, r := range nodes {
		if r.State == NodeVoter {
			ids = append(ids, r.ID)
		}
	}
	return confchange.New(ids...)
}
