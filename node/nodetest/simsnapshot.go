package nodetest

import (
	"bytes"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// simFile is a snapshot on a node's disk. It is there as a whole or not at all.
type simFile struct {
	index   raft.Index
	content []byte
	damaged bool
}

// simDisk is what a node's disk holds of the snapshots of a group.
type simDisk struct {
	files []simFile // ascending
	part  simPart
}

// simPart is what was received of a snapshot.
type simPart struct {
	index raft.Index
	sum   uint64
	bytes int
}

// simTransfer is a snapshot being received. It is void when the group has another.
type simTransfer struct {
	meta   raft.SnapshotMeta
	leader raft.NodeID
}

const (
	// simChunkBytes is what a transfer brings at a time.
	simChunkBytes = 100
	// simRetry is when something is tried again that failed for want of a peer.
	simRetry = 150 * time.Millisecond
)

var errNoSnapshot = errors.New("nodetest: no such snapshot")

func (s *Sim) disk(id raft.NodeID, g raft.GroupID) *simDisk {
	k := diskKey{id, g}
	if s.disks[k] == nil {
		s.disks[k] = &simDisk{}
	}
	return s.disks[k]
}

type diskKey struct {
	node  raft.NodeID
	group raft.GroupID
}

func (d *simDisk) at(index raft.Index) (simFile, bool) {
	for _, f := range d.files {
		if f.index == index && !f.damaged {
			return f, true
		}
	}
	return simFile{}, false
}

func (d *simDisk) put(f simFile) {
	d.remove(f.index)
	d.files = append(d.files, f)
	slices.SortFunc(d.files, func(a, b simFile) int { return int(a.index) - int(b.index) })
}

func (d *simDisk) remove(index raft.Index) {
	d.files = slices.DeleteFunc(d.files, func(f simFile) bool { return f.index == index })
}

// retain keeps the newest published snapshot, the one before it, and what is newer.
func (d *simDisk) retain(published raft.Index) {
	var keep raft.Index
	for _, f := range d.files {
		if f.index < published {
			keep = f.index
		}
	}
	d.files = slices.DeleteFunc(d.files, func(f simFile) bool { return f.index < keep })
}

// snapshots carries out what cores want done with snapshots.
func (n *simNode) snapshots() {
	for _, s := range n.out.Snapshots {
		g, c := n.groups[s.Group], s.Command
		switch c.Action {
		case raft.SnapshotSend:
			if _, ok := n.sim.disk(n.id, s.Group).at(c.Snapshot.Index); !ok {
				n.shard.SnapshotDone(s.Group, c.Peer, c.Snapshot.Index, errNoSnapshot)
			}
		case raft.SnapshotReceive:
			g.transfer = &simTransfer{meta: c.Snapshot, leader: c.Peer}
			n.receive(s.Group, g.transfer)
		case raft.SnapshotStopReceive:
			g.transfer = nil
		case raft.SnapshotRestore:
			n.sim.result.Installs++
			g.reach = c.Snapshot.Index
			n.reopen(s.Group)
		}
	}
}

// capture writes a snapshot that is due, while the machine goes on.
func (n *simNode) capture(id raft.GroupID) {
	g := n.groups[id]
	c := g.applier.TakeCapture()
	if c == nil {
		return
	}
	meta, ok := n.shard.SnapshotAt(id, c.Index)
	if !ok {
		c.Close()
		return
	}
	applier := g.applier
	applier.HoldSnapshots(true)
	n.later(between(n.sim.draw("snapshot", n.id), n.sim.cfg.DiskMin, 20*n.sim.cfg.DiskMax), func() {
		if n.groups[id] != g { // it was deleted: a removal waits for those who write
			c.Close()
			return
		}
		content := n.sim.content(n, id, c)
		n.sim.disk(n.id, id).put(simFile{index: c.Index, content: content})
		n.sim.result.Snapshots++
		n.shard.SnapshotTaken(id, meta)
		applier.HoldSnapshots(false)
	})
}

// content writes a capture out and holds it against that of other replicas behind the
// same entry.
func (s *Sim) content(n *simNode, id raft.GroupID, c *node.SnapshotCapture) []byte {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		s.violate("snapshot of group %d at %d on %v: %v", id, c.Index, n.id, err)
	}
	c.Close()
	k := stateKey{id, c.Index, c.Kind()}
	if other, ok := s.states[k]; ok && !bytes.Equal(other, b.Bytes()) {
		s.violate("%v has another state of group %d behind %d than a node before it", n.id, id, c.Index)
	}
	s.states[k] = b.Bytes()
	return b.Bytes()
}

type stateKey struct {
	group raft.GroupID
	index raft.Index
	kind  string
}

func sumOf(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b) // a hash never fails
	return h.Sum64()
}

// source is a node from which a transfer can go on: the leader, or for what has been
// begun any that has the same bytes.
func (n *simNode) source(id raft.GroupID, t *simTransfer) (simFile, bool) {
	part := n.sim.disk(n.id, id).part
	for _, peer := range append([]raft.NodeID{t.leader}, n.sim.ids()...) {
		if n.sim.nodes[peer] == nil || !n.sim.reachable(n.id, peer) || !n.sim.reachable(peer, n.id) {
			continue
		}
		f, ok := n.sim.disk(peer, id).at(t.meta.Index)
		begun := part.index == t.meta.Index && part.sum == sumOf(f.content)
		if ok && (begun || peer == t.leader) {
			return f, true
		}
	}
	return simFile{}, false
}

// receive brings the next chunk of a transfer.
func (n *simNode) receive(id raft.GroupID, t *simTransfer) {
	r := n.sim.draw("transfer", n.id)
	delay := between(r, n.sim.cfg.DelayMin, 2*n.sim.cfg.DelayMax)
	f, ok := n.source(id, t)
	cut := n.sim.faulty && r.Float64() < n.sim.cfg.Loss
	if !ok || cut {
		delay = simRetry
	}
	n.later(delay, func() {
		if n.groups[id] == nil || n.groups[id].transfer != t {
			return
		}
		if ok && !cut {
			n.take(id, t, f)
		}
		if n.groups[id].transfer == t {
			n.receive(id, t)
		}
	})
}

// take makes a chunk durable; with the last one the core hears of it.
func (n *simNode) take(id raft.GroupID, t *simTransfer, f simFile) {
	d := n.sim.disk(n.id, id)
	if sum := sumOf(f.content); d.part.index != f.index || d.part.sum != sum {
		d.part = simPart{index: f.index, sum: sum}
	}
	d.part.bytes = min(d.part.bytes+simChunkBytes, len(f.content))
	n.sim.result.TransferBytes += simChunkBytes
	bytes, whole := uint64(d.part.bytes), d.part.bytes == len(f.content)
	n.tellOthers(func(peer *simNode) { peer.shard.SnapshotProgress(id, n.id, f.index, bytes) })
	if !whole {
		return
	}
	n.groups[id].transfer, d.part = nil, simPart{}
	d.put(f)
	if !n.shard.SnapshotReceived(id, t.meta) {
		d.remove(f.index)
	}
	n.tellOthers(func(peer *simNode) { peer.shard.SnapshotDone(id, n.id, f.index, nil) })
}

// tellOthers brings word of a transfer to the other nodes, perhaps.
func (n *simNode) tellOthers(tell func(*simNode)) {
	for _, id := range n.sim.ids() {
		if id == n.id {
			continue
		}
		r := n.sim.draw("word", n.id)
		lost := n.sim.faulty && r.Float64() < n.sim.cfg.Loss
		n.sim.events.after(between(r, n.sim.cfg.DelayMin, n.sim.cfg.DelayMax), func() {
			if peer := n.sim.nodes[id]; peer != nil && !lost && n.sim.reachable(n.id, id) {
				tell(peer)
				peer.pump()
			}
		})
	}
}

// void drops the work of a group whose log is being replaced.
func (n *simNode) void(id raft.GroupID) {
	g := n.groups[id]
	g.generation++
	g.busy, g.waiting = false, false
	for _, w := range g.work {
		g.abandon(w)
	}
	g.work = nil
}

// abandon tells those who wait for work that is not done here that nobody knows.
func (g *simGroup) abandon(w node.ApplyWork) {
	for _, tickets := range w.Waiting {
		for _, t := range tickets {
			t.(simTicket).failed(raft.OutcomeUnknown, errSim)
		}
	}
}

// reopen takes a machine's state from what is on disk.
func (n *simNode) reopen(id raft.GroupID) {
	n.void(id)
	n.groups[id].applier = nil
	n.openFrom(id)
}

// openFrom opens a group's machine: from the newest snapshot that is sound and from
// which the log leads on, from the beginning of the log, or else from what a peer has.
func (n *simNode) openFrom(id raft.GroupID) {
	d := n.sim.disk(n.id, id)
	purged := n.store.visible[id].purged
	for i := len(d.files) - 1; i >= 0 && d.files[i].index >= purged; i-- {
		f := d.files[i]
		if f.damaged {
			d.remove(f.index)
			n.sim.result.Damaged++
			continue
		}
		n.restore(id, f)
		return
	}
	if purged == 0 && (id == node.MetaGroup || n.obtainable(n.groups[id].record.Run.Artefact)) {
		n.open(n.fresh(id), id)
		return
	}
	n.instead(id, max(purged, 1))
}

// obtainable reports whether a module is here, or can be had.
func (n *simNode) obtainable(d node.Digest) bool {
	return n.modules[d] || n.fetchFrom(d, n.sim.ids())
}

// instead gets a snapshot from a peer when a machine cannot begin with what is here, and
// tries again.
func (n *simNode) instead(id raft.GroupID, least raft.Index) {
	if f, ok := n.askSnapshot(id, least); ok {
		n.sim.result.Asked++
		n.sim.disk(n.id, id).put(f)
	}
	n.later(simRetry, func() {
		if g := n.groups[id]; g != nil && g.applier == nil {
			n.openFrom(id)
		}
	})
}

// askSnapshot gets a snapshot at or behind an index from a peer, which takes one if it
// has none.
func (n *simNode) askSnapshot(id raft.GroupID, least raft.Index) (simFile, bool) {
	for _, peer := range n.sim.ids() {
		p := n.sim.nodes[peer]
		if peer == n.id || p == nil || !n.sim.reachable(n.id, peer) || !n.sim.reachable(peer, n.id) {
			continue
		}
		for _, f := range n.sim.disk(peer, id).files {
			if f.index >= least && !f.damaged {
				return f, true
			}
		}
		if g := p.groups[id]; g != nil && g.applier != nil && g.applier.Applied() >= least {
			if c, err := g.applier.Capture(); err == nil {
				return simFile{index: c.Index, content: n.sim.content(p, id, c)}, true
			}
		}
	}
	return simFile{}, false
}

// restore opens a group's machine in the state of a snapshot, once its module is here.
func (n *simNode) restore(id raft.GroupID, f simFile) {
	a, err := node.RestoreApplier(context.Background(), id, []io.Reader{bytes.NewReader(f.content)},
		func(run node.MachineRun, _ plugins.Moment, parts []io.Reader) (node.Machine, error) {
			if id == node.MetaGroup {
				m := n.metaMachine()
				return m, m.Load(parts[0])
			}
			if !n.obtainable(run.Artefact) {
				return nil, node.ErrNoModule
			}
			if len(parts) == 0 { // it takes an export back
				n.sim.result.FromExports++
				return &ledger{module: run.Module}, nil
			}
			return loadLedger(run.Module, parts[0])
		}, n.store)
	switch {
	case errors.Is(err, node.ErrNoModule):
		n.sim.result.Waits++
		n.instead(id, f.index+1)
	case err != nil:
		n.sim.violate("restore of group %d at %d on %v: %v", id, f.index, n.id, err)
	default:
		n.sim.result.Restores++
		n.open(a, id)
	}
}

// damage spoils the newest snapshot of a node that lost its power, if all others can
// help out.
func (s *Sim) damage(id raft.NodeID) {
	r := s.draw("damage", id)
	for _, g := range s.stores[id].visible.groups() {
		d := s.disk(id, g)
		if len(d.files) == 0 || r.IntN(3) > 0 {
			continue
		}
		sound := !slices.ContainsFunc(s.ids(), func(other raft.NodeID) bool {
			return slices.ContainsFunc(s.disk(other, g).files, func(f simFile) bool { return f.damaged }) ||
				other != id && (s.nodes[other] == nil || s.nodes[other].groups[g] == nil || s.nodes[other].groups[g].applier == nil)
		})
		if sound {
			d.files[len(d.files)-1].damaged = true
		}
	}
}

// recordedLedger is a ledger at one moment.
type recordedLedger struct{ at ledger }

// Record implements node.Recorder.
func (l *ledger) Record() (node.Recorded, error) {
	return recordedLedger{ledger{l.module, slices.Clone(l.order), slices.Clone(l.at), slices.Clone(l.switches), slices.Clone(l.renewals)}}, nil
}

// WriteTo writes what Export does.
func (r recordedLedger) WriteTo(w io.Writer) (int64, error) {
	return 0, r.at.Export(context.Background(), w)
}

// Close does nothing.
func (recordedLedger) Close() {}

// loadLedger reads what a recordedLedger wrote.
func loadLedger(module node.Digest, r io.Reader) (*ledger, error) {
	l := &ledger{module: firstModule}
	if err := l.Import(context.Background(), plugins.Moment{}, r, 0); err != nil {
		return nil, err
	}
	l.module, l.switches = module, l.switches[:len(l.switches)-1] // the import's own
	return l, nil
}
