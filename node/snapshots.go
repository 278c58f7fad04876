package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

const (
	// snapshotWritesMax bounds the snapshots that a node writes at a time.
	snapshotWritesMax = 2
	// snapshotIncrementsMax bounds the increments on a whole snapshot.
	snapshotIncrementsMax = 8
)

// snapshots keeps the snapshots of a node's groups: it writes what appliers record,
// brings what cores ask for, and removes what nobody needs. Each slow thing runs on a
// goroutine of its own.
type snapshots struct {
	node    *Node
	files   *storage.Snapshots // nil: this node keeps none
	writing chan struct{}      // a token per snapshot being written
	meter   snapshotMeter

	mu       sync.Mutex // guards the fields below
	sending  map[sendingTo]raft.Index
	held     map[sendingTo]heldSnapshot
	renewing map[raft.GroupID]bool
	damaged  map[raft.GroupID]bool // what was received last; see sources
}

// snapshotMeter counts since the start of the process.
type snapshotMeter struct {
	taken, failed, installed, damaged atomic.Uint64
	exports, exportsRefused           atomic.Uint64
	writtenBytes, receivedBytes       atomic.Uint64
}

// SnapshotStats are sums since the start of the process.
type SnapshotStats struct {
	Taken, Failed uint64 // of this node's own machines
	Installed     uint64 // that took the place of a log
	Damaged       uint64 // files that were put away
	// Exports are entries at which a machine's state went through its module's exports,
	// ExportsRefused those at which it could not.
	Exports, ExportsRefused uint64
	WrittenBytes            uint64
	ReceivedBytes           uint64
}

// SnapshotStats returns what this node has done with snapshots.
func (n *Node) SnapshotStats() SnapshotStats {
	m := &n.snapshots.meter
	return SnapshotStats{
		Taken: m.taken.Load(), Failed: m.failed.Load(), Installed: m.installed.Load(), Damaged: m.damaged.Load(),
		Exports: m.exports.Load(), ExportsRefused: m.exportsRefused.Load(),
		WrittenBytes: m.writtenBytes.Load(), ReceivedBytes: m.receivedBytes.Load(),
	}
}

func newSnapshots(n *Node, files *storage.Snapshots) *snapshots {
	return &snapshots{node: n, files: files, writing: make(chan struct{}, snapshotWritesMax), sending: map[sendingTo]raft.Index{}, held: map[sendingTo]heldSnapshot{}, renewing: map[raft.GroupID]bool{}, damaged: map[raft.GroupID]bool{}}
}

// ErrNoSnapshots: this node keeps no snapshots, or the group is not here. Ask another.
var ErrNoSnapshots = errors.New("node: no snapshots of this group here")

// ErrSnapshotting: a snapshot of the machine is being written already. Wait for it.
var ErrSnapshotting = errors.New("node: a snapshot of this machine is being written already")

// meta asks a group's shard what is to be stored with a snapshot at an index.
func (s *snapshots) meta(g *group, index raft.Index) (raft.SnapshotMeta, error) {
	type answer struct {
		meta raft.SnapshotMeta
		ok   bool
	}
	ch := make(chan answer, 1)
	g.shard.in.force(func(sh *Shard) {
		m, ok := sh.SnapshotAt(g.id, index)
		ch <- answer{m, ok}
	})
	select {
	case a := <-ch:
		if !a.ok {
			return a.meta, errOutrun
		}
		return a.meta, nil
	case <-s.node.stop:
		return raft.SnapshotMeta{}, ErrStopping
	}
}

// errOutrun: by now there is a newer snapshot.
var errOutrun = errors.New("node: a newer snapshot is there already")

// write makes a capture durable and tells the core. base is the file that it is an
// increment on, or the zero digest.
func (s *snapshots) write(g *group, c *SnapshotCapture, base storage.Digest) (storage.SnapshotFile, error) {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-s.node.stop:
		return storage.SnapshotFile{}, ErrStopping
	}
	meta, err := s.meta(g, c.Index)
	if err != nil {
		return storage.SnapshotFile{}, err
	}
	w, err := s.files.Create(storage.SnapshotHeader{Group: g.id, Meta: meta, Kind: c.Kind(), Base: base})
	if err != nil {
		return storage.SnapshotFile{}, err
	}
	defer w.Abort()
	if _, err := c.WriteTo(untilStop{s.node, w}); err != nil {
		return storage.SnapshotFile{}, fmt.Errorf("node: write snapshot of group %d: %w", g.id, err)
	}
	file, err := w.Finish()
	if err != nil {
		return file, err
	}
	if _, err := s.files.Chain(file); err != nil { // what it rests on was put away meanwhile
		s.condemn(file, err)
		return file, fmt.Errorf("node: write snapshot of group %d: %w", g.id, err)
	}
	g.shard.in.force(func(sh *Shard) { sh.SnapshotTaken(g.id, meta) })
	return file, nil
}

// untilStop ends the writing of a snapshot when the node stops: an export takes as
// long as its module likes.
type untilStop struct {
	node *Node
	w    io.Writer
}

// Write implements io.Writer.
func (u untilStop) Write(b []byte) (int, error) {
	if u.node.ctx.Err() != nil {
		return 0, ErrStopping
	}
	return u.w.Write(b)
}

// published removes what is not needed now that a snapshot is the newest. It is
// called when the write that says so is durable.
func (s *snapshots) published(g raft.GroupID, index raft.Index) {
	if s.files == nil {
		return
	}
	s.node.spawn(func() {
		if err := s.retain(g, index); err != nil && s.node.ctx.Err() == nil {
			s.node.log.Warn("old snapshots could not be removed; they take up space until the next try", "group", g, "err", err)
		}
	})
}

func (s *snapshots) retain(g raft.GroupID, published raft.Index) error {
	files, err := s.files.List(g)
	if err != nil {
		return err
	}
	pinned := s.pinned(g)
	var keep []storage.SnapshotFile
	newest := 0
	for i := len(files) - 1; i >= 0; i-- {
		if files[i].Index > published {
			continue
		}
		if newest++; newest <= s.node.cfg.SnapshotsKept || pinned[files[i].Index] {
			keep = append(keep, files[i])
		}
	}
	_, err = s.files.Retain(g, keep...)
	return err
}

// sent ends the sending to a peer and tells the core how.
func (s *snapshots) sent(g *group, peer raft.NodeID, index raft.Index, err error) {
	s.unpin(g.id, peer)
	g.shard.in.force(func(sh *Shard) { sh.SnapshotDone(g.id, peer, index, err) })
}

// renew looks whether the snapshot at an index, of which a peer could make nothing, is
// sound, and takes a new one if not. One look at a time is enough for a group.
//
// Why not where this node never had it: another one took it, and led when it was offered. This
// node offers its own newest, of which the peer may have a part already: snapshots share what they
// rest on. A new one would be whole, and the peer would begin anew. So there it is its own that has
// to be sound.
func (s *snapshots) renew(g *group, index raft.Index) {
	s.mu.Lock()
	busy := s.renewing[g.id]
	s.renewing[g.id] = true
	s.mu.Unlock()
	if busy {
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.renewing, g.id)
		s.mu.Unlock()
	}()
	own, ok := s.own(g)
	if !ok || index > own {
		return
	}
	file, err := s.at(g.id, index)
	if errors.Is(err, storage.ErrSnapshotMissing) {
		file, err = s.at(g.id, own)
	}
	var chain []storage.SnapshotFile
	if err == nil {
		chain, err = s.files.Chain(file)
	}
	for i := 0; i < len(chain) && err == nil; i++ {
		_, err = s.files.Verify(chain[i])
	}
	if err == nil {
		return
	}
	if file.Index != 0 {
		s.condemn(file, err)
	}
	g.applier.in.force(func(l *applierLoop) { l.beginChain() })
	if _, err := s.node.TakeSnapshot(s.node.ctx, g.id); err != nil && s.node.ctx.Err() == nil {
		s.node.log.Warn("a follower waits for a snapshot and none could be taken; it is tried again", "group", g.id, "err", err)
	}
}

// own asks a group's shard for the index of the newest snapshot of this node's own, 0 when there is
// none; false when the node stops.
func (s *snapshots) own(g *group) (raft.Index, bool) {
	ch := make(chan raft.Index, 1)
	g.shard.in.force(func(sh *Shard) { ch <- sh.Status(g.id).SnapshotIndex })
	select {
	case index := <-ch:
		return index, true
	case <-s.node.stop:
		return 0, false
	}
}

// at finds the snapshot of a group at an index.
func (s *snapshots) at(g raft.GroupID, index raft.Index) (storage.SnapshotFile, error) {
	if s.files == nil {
		return storage.SnapshotFile{}, ErrNoSnapshots
	}
	files, err := s.files.List(g)
	if err != nil {
		return storage.SnapshotFile{}, err
	}
	for _, f := range files {
		if f.Index == index {
			return f, nil
		}
	}
	return storage.SnapshotFile{}, fmt.Errorf("%w: group %d at %d", storage.ErrSnapshotMissing, g, index)
}

// TakeSnapshot takes a snapshot of a group on this node now, unless there is one of all
// that is applied, and returns the newest.
func (n *Node) TakeSnapshot(ctx context.Context, id raft.GroupID) (storage.SnapshotFile, error) {
	g := n.group(id)
	if g == nil || n.snapshots.files == nil {
		return storage.SnapshotFile{}, fmt.Errorf("%w: group %d", ErrNoSnapshots, id)
	}
	type answer struct {
		file storage.SnapshotFile
		err  error
	}
	ch := make(chan answer, 1)
	if !g.applier.in.put(func(l *applierLoop) { l.snapshotNow(func(f storage.SnapshotFile, err error) { ch <- answer{f, err} }) }) {
		return storage.SnapshotFile{}, ErrBusy
	}
	select {
	case a := <-ch:
		if errors.Is(a.err, errOutrun) {
			return n.newestSnapshot(id)
		}
		return a.file, a.err
	case <-ctx.Done():
		return storage.SnapshotFile{}, timeoutError(ctx.Err())
	case <-n.stop:
		return storage.SnapshotFile{}, ErrStopping
	}
}

func (n *Node) newestSnapshot(id raft.GroupID) (storage.SnapshotFile, error) {
	if n.snapshots.files == nil {
		return storage.SnapshotFile{}, ErrNoSnapshots
	}
	files, err := n.snapshots.files.List(id)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%w: group %d", storage.ErrSnapshotMissing, id)
	}
	if err != nil {
		return storage.SnapshotFile{}, err
	}
	return files[len(files)-1], nil
}
