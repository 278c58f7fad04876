package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// Names by which a peer asks for snapshots in Network.OpenFile, behind
// "snapshot/<group>/": a list of the files that the snapshot at an index is made of;
// the same of the newest at or behind an index, which is taken if there is none; and
// one file, by its digest.
const (
	snapshotPrefix   = "snapshot/"
	snapshotAtName   = "at"
	snapshotFromName = "from"
	snapshotFileName = "file"

	snapshotListBytesMax = 64 << 10
	// snapshotTakeTimeout bounds how long a peer waits for one that is taken for it.
	snapshotTakeTimeout = 20 * time.Second
	// progressEvery is how often a sender hears how far its receiver is.
	progressEvery = time.Second
)

// listedSnapshot is a file of a snapshot; in a list the whole one comes first.
type listedSnapshot struct {
	_      struct{} `cbor:",toarray"`
	Index  raft.Index
	Digest storage.Digest
	Size   int64
}

// forwardedProgress says how far a snapshot has come, to the leader that offers it and to
// those who may lead next; why it failed is told to the leader only.
type forwardedProgress struct {
	_      struct{} `cbor:",toarray"`
	Index  raft.Index
	Bytes  uint64
	Done   bool
	Failed string // why nothing will come of it
}

// serveSnapshot opens for a peer what it asks for.
func (n *Node) serveSnapshot(name string) (io.ReadSeekCloser, int64, error) {
	parts := strings.Split(strings.TrimPrefix(name, snapshotPrefix), "/")
	if len(parts) != 3 || n.snapshots.files == nil {
		return nil, 0, transport.ErrNotFound
	}
	id, err := strconv.ParseUint(parts[0], 10, 64)
	g := raft.GroupID(id)
	if err != nil {
		return nil, 0, transport.ErrNotFound
	}
	if parts[1] == snapshotFileName {
		d, err := storage.ParseDigest(parts[2])
		if err != nil {
			return nil, 0, transport.ErrNotFound
		}
		file, err := n.snapshots.files.Find(g, d)
		if err != nil {
			return nil, 0, transport.ErrNotFound
		}
		return n.snapshots.files.OpenFile(file)
	}
	index, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return nil, 0, transport.ErrNotFound
	}
	return n.snapshots.serveList(g, parts[1], raft.Index(index))
}

// serveList answers with the files of a snapshot.
func (s *snapshots) serveList(g raft.GroupID, which string, index raft.Index) (io.ReadSeekCloser, int64, error) {
	var file storage.SnapshotFile
	var err error
	switch which {
	case snapshotAtName:
		file, err = s.at(g, index)
	case snapshotFromName:
		if file, err = s.node.newestSnapshot(g); err != nil || file.Index < index {
			ctx, cancel := context.WithTimeout(s.node.ctx, snapshotTakeTimeout)
			defer cancel()
			file, err = s.node.TakeSnapshot(ctx, g)
		}
	default:
		err = transport.ErrNotFound
	}
	if err != nil || file.Index < index {
		return nil, 0, transport.ErrNotFound
	}
	chain, err := s.files.Chain(file)
	if err != nil {
		return nil, 0, transport.ErrNotFound
	}
	var list []listedSnapshot
	for _, f := range chain {
		list = append(list, listedSnapshot{Index: f.Index, Digest: f.Digest, Size: f.Size})
	}
	data, err := batchEncoding.Marshal(list)
	if err != nil {
		return nil, 0, fmt.Errorf("node: encode list of snapshots: %w", err)
	}
	return readSeekNopCloser{bytes.NewReader(data)}, int64(len(data)), nil
}

// list asks a peer for the files of a snapshot.
func (s *snapshots) list(ctx context.Context, peer raft.NodeID, g raft.GroupID, which string, index raft.Index) ([]storage.SnapshotFile, error) {
	r, _, err := s.node.network.OpenFile(ctx, peer, fmt.Sprintf("%s%d/%s/%d", snapshotPrefix, g, which, index), 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, snapshotListBytesMax))
	if err != nil {
		return nil, err
	}
	var list []listedSnapshot
	if err := batchDecoding.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%w: the list of %v: %w", ErrSnapshotState, peer, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %v lists no files", ErrSnapshotState, peer)
	}
	out := make([]storage.SnapshotFile, len(list))
	for i, f := range list {
		out[i] = storage.SnapshotFile{Group: g, Index: f.Index, Digest: f.Digest, Size: f.Size}
	}
	if last := out[len(out)-1]; last.Index < index || which == snapshotAtName && last.Index != index {
		return nil, fmt.Errorf("%w: %v lists one at %d instead of %d", ErrSnapshotState, peer, last.Index, index)
	}
	return out, nil
}

// obtain gets a snapshot at or behind an index from any peer.
func (s *snapshots) obtain(ctx context.Context, g *group, least raft.Index) error {
	if s.files == nil {
		return ErrNoSnapshots
	}
	var problems []error
	for _, peer := range s.node.others() {
		files, err := s.list(ctx, peer, g.id, snapshotFromName, least)
		if err == nil {
			err = s.receiveAll(ctx, g, files, firstOf(peer, s.node.others()), func(uint64) {})
		}
		if err == nil {
			return nil
		}
		problems = append(problems, fmt.Errorf("%v: %w", peer, err))
	}
	return fmt.Errorf("node: get a snapshot of group %d: %w", g.id, errors.Join(problems...))
}

// obtainNewer gets a snapshot from any peer that is newer than those that are here, and
// from which the log leads on.
func (s *snapshots) obtainNewer(ctx context.Context, g *group, purged raft.Index) error {
	newest, err := s.node.newestSnapshot(g.id)
	if err != nil && !errors.Is(err, storage.ErrSnapshotMissing) {
		return err
	}
	return s.obtain(ctx, g, max(newest.Index+1, purged))
}

// receive gets the snapshot that the core asked for, until it is here or ctx ends.
func (s *snapshots) receive(ctx context.Context, g *group, b *bringing) {
	pause := snapshotRetryMin
	for ctx.Err() == nil {
		err := s.receiveOnce(ctx, g, b)
		if err == nil {
			return
		}
		s.node.log.Info("a snapshot is not here yet; it is tried again", "group", g.id, "index", b.meta.Index, "peer", uint64(b.from()), "err", err)
		if errors.Is(err, transport.ErrNotFound) || errors.Is(err, storage.ErrDamaged) {
			s.progress(g, b.from(), forwardedProgress{Index: b.meta.Index, Failed: err.Error()})
		}
		select {
		case <-ctx.Done():
		case <-s.node.clock.NewTimer(pause).C():
			pause = min(2*pause, snapshotRetryMax)
		}
	}
}

func (s *snapshots) receiveOnce(ctx context.Context, g *group, b *bringing) error {
	index, leader := b.meta.Index, b.from()
	sources := s.sources(g.id, leader)
	files, err := s.listAny(ctx, sources, g.id, index, leader)
	if err != nil {
		return err
	}
	err = s.receiveAll(ctx, g, files, sources, func(bytes uint64) {
		s.progressToAll(g, forwardedProgress{Index: index, Bytes: bytes})
	})
	s.received(g.id, err)
	if err != nil {
		return err
	}
	g.shard.in.force(func(sh *Shard) { sh.SnapshotReceived(g.id, b.meta) })
	s.progressToAll(g, forwardedProgress{Index: index, Done: true})
	return nil
}

// progressToAll tells who sends a snapshot and who may have to go on with it: whoever
// leads next has to have its bytes, and the log behind it.
func (s *snapshots) progressToAll(g *group, p forwardedProgress) {
	for _, peer := range s.node.others() {
		s.progress(g, peer, p)
	}
}

// progress tells a peer how far a snapshot is. It may be lost.
func (s *snapshots) progress(g *group, to raft.NodeID, p forwardedProgress) {
	if err := s.node.tell(to, g.id, forwardProgress, p); err != nil {
		s.node.log.Debug("the progress of a snapshot could not be told", "group", g.id, "peer", uint64(to), "err", err)
	}
}

// hear takes in what a peer says of a snapshot that it is being sent.
func (s *snapshots) hear(from raft.NodeID, g *group, p forwardedProgress) {
	switch {
	case p.Done:
		s.let(g.id, from)
		s.sent(g, from, p.Index, nil)
	case p.Failed != "":
		s.sent(g, from, p.Index, errors.New(p.Failed))
		s.node.spawn(func() { s.renew(g, p.Index) })
	default:
		s.hold(g.id, from, p.Index)
		g.shard.in.force(func(sh *Shard) { sh.SnapshotProgress(g.id, from, p.Index, p.Bytes) })
	}
}

// receiveAll gets the files that are not here, each from the first of the peers that has it.
func (s *snapshots) receiveAll(ctx context.Context, g *group, files []storage.SnapshotFile, peers []raft.NodeID, progress func(bytes uint64)) error {
	before := uint64(0)
	for _, file := range files {
		if err := s.receiveFile(ctx, g, file, peers, func(bytes int64) { progress(before + uint64(bytes)) }); err != nil {
			return err
		}
		before += uint64(file.Size)
		progress(before)
	}
	return nil
}

// receiveFile gets a file that is not here. Why one at a time: the core and a machine
// that is made anew may want the same one, and it has one place to be received in.
func (s *snapshots) receiveFile(ctx context.Context, g *group, file storage.SnapshotFile, peers []raft.NodeID, progress func(bytes int64)) error {
	select {
	case g.receiving <- struct{}{}:
		defer func() { <-g.receiving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := s.files.Find(file.Group, file.Digest); err == nil {
		return nil
	}
	r, err := s.files.Receive(file)
	if err != nil {
		return err
	}
	defer r.Close()
	var problems []error
	for _, peer := range peers {
		if r.Complete() {
			break
		}
		if err := s.receiveFrom(ctx, r, file, peer, progress); err != nil {
			problems = append(problems, fmt.Errorf("%v: %w", peer, err))
		}
	}
	if !r.Complete() {
		return fmt.Errorf("node: get snapshot of group %d at %d: %w", file.Group, file.Index, errors.Join(problems...))
	}
	_, err = r.Finish()
	return err
}

// receiveFrom goes on with a transfer at one peer.
func (s *snapshots) receiveFrom(ctx context.Context, r *storage.SnapshotReceiver, file storage.SnapshotFile, peer raft.NodeID, progress func(int64)) error {
	from, _, err := s.node.network.OpenFile(ctx, peer, fmt.Sprintf("%s%d/%s/%v", snapshotPrefix, file.Group, snapshotFileName, file.Digest), r.Offset())
	if err != nil {
		return err
	}
	defer from.Close()
	last := s.node.clock.Now()
	_, err = r.ReadFrom(readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if now := s.node.clock.Now(); now-last > progressEvery {
			last = now
			progress(r.Offset())
		}
		n, err := from.Read(p)
		s.meter.receivedBytes.Add(uint64(n))
		return n, err
	}))
	return err
}

// readerFunc is an io.Reader.
type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
