package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// SnapshotReceiver takes the bytes of a peer's snapshot file and keeps what was
// checked across restarts, so that a transfer goes on where it broke off, whoever
// goes on with it. It belongs to one goroutine.
type SnapshotReceiver struct {
	snapshots *Snapshots
	file      SnapshotFile
	part      string
	held      bool // the part is among Snapshots.receiving
	f         vfs.File
	trickle   trickle
	hash      hash.Hash
	kept      int64 // bytes of whole units that were checked and written
	synced    int64 // of them
	ended     bool  // the end is among them, and vouches for all
	err       error
}

// receiveSyncBytes is how much is received between two syncs: what a power loss may
// cost of a transfer.
const receiveSyncBytes = 8 << 20

// Receive begins or goes on with the transfer of a file, of which Group, Index,
// Digest and Size have to be known. There is at most one transfer of a group: what
// another one has brought is removed. ErrDiskFull, also of ReadFrom: there is too little
// room; what is here stays.
func (s *Snapshots) Receive(file SnapshotFile) (*SnapshotReceiver, error) {
	if err := s.store.usable(); err != nil {
		return nil, err
	}
	if file.Group == 0 || file.Index == 0 || file.Size < int64(snapshotFixedBytes+snapshotEndBytes) {
		return nil, fmt.Errorf("%w: a snapshot of group %d at %d of %d bytes", ErrInvalid, file.Group, file.Index, file.Size)
	}
	fsys := s.store.dir.fs
	if err := makeDirectories(fsys, s.folder(file.Group)); err != nil {
		return nil, fmt.Errorf("storage: receive snapshot of group %d: %w", file.Group, err)
	}
	if err := s.DropParts(file.Group, file.Digest); err != nil {
		return nil, err
	}
	if err := s.store.space.take(file.Size); err != nil {
		return nil, fmt.Errorf("storage: receive snapshot of group %d: %w", file.Group, err)
	}
	r := &SnapshotReceiver{snapshots: s, file: file, part: s.pathAs(file, partSuffix), hash: sha256.New()}
	r.hold(true)
	err := r.resume()
	if errors.Is(err, fs.ErrNotExist) {
		if r.f, err = fsys.Create(r.part, writeCategory); err == nil {
			err = syncDirectory(fsys, s.folder(file.Group))
		}
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("storage: receive snapshot of group %d: %w", file.Group, err)
	}
	r.trickle = trickle{file: r.f, begun: r.kept}
	return r, nil
}

// DropParts removes what was received of a group's snapshots, but for that with the
// digest except.
func (s *Snapshots) DropParts(g raft.GroupID, except Digest) error {
	parts, err := s.list(g, partSuffix)
	for _, p := range parts {
		if p.Digest != except {
			err = errors.Join(err, s.remove(p, partSuffix))
		}
	}
	return err
}

// resume finds what an earlier transfer has brought: whole units from the start.
func (r *SnapshotReceiver) resume() error {
	fsys := r.snapshots.store.dir.fs
	old, err := fsys.Open(r.part, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	units := snapshotUnits{r: old}
	for !r.ended {
		u, err := units.next()
		if err != nil || r.check(u) != nil {
			break // what follows is received again
		}
	}
	if err := old.Close(); err != nil {
		return err
	}
	r.synced = r.kept
	r.f, err = fsys.OpenReadWrite(r.part, writeCategory)
	return err
}

// check takes a unit into account that follows on the ones before.
func (r *SnapshotReceiver) check(u snapshotUnit) error {
	switch {
	case u.header != nil && (u.header.Group != r.file.Group || u.header.Meta.Index != r.file.Index):
		return fmt.Errorf("it is of group %d at %d", u.header.Group, u.header.Meta.Index)
	case r.kept+int64(len(u.bytes)) > r.file.Size:
		return fmt.Errorf("it is longer than %d bytes", r.file.Size)
	case u.end:
		_, _ = r.hash.Write(u.bytes[:len(u.bytes)-sha256.Size]) // a hash never fails
		if sum := Digest(r.hash.Sum(nil)); sum != r.file.Digest || sum != u.digest {
			return fmt.Errorf("its digest is %v", sum)
		}
		r.ended = true
	default:
		_, _ = r.hash.Write(u.bytes) // a hash never fails
	}
	r.kept += int64(len(u.bytes))
	return nil
}

// Offset is from where on bytes are wanted.
func (r *SnapshotReceiver) Offset() int64 { return r.kept }

// Durable is how many bytes would be here after a power loss.
func (r *SnapshotReceiver) Durable() int64 { return r.synced }

// Complete reports whether nothing is missing but Finish.
func (r *SnapshotReceiver) Complete() bool { return r.ended }

// ReadFrom takes bytes from Offset on until the file is complete or from fails. It
// returns how many it kept. An error of from is passed on, and the transfer can go on
// later, from the new Offset. Bytes that are wrong are a *SnapshotDamagedError: when
// nothing of the file was kept since they were asked for, this sender's file is no
// good. Errors of the disk stick.
func (r *SnapshotReceiver) ReadFrom(from io.Reader) (n int64, err error) {
	units := snapshotUnits{r: from, begun: r.kept > 0}
	before := r.kept
	for !r.ended && r.err == nil {
		u, err := units.next()
		if err != nil {
			return r.kept - before, r.broken(err)
		}
		at := r.kept
		if err := r.check(u); err != nil {
			r.spoil()
			return r.kept - before, &SnapshotDamagedError{File: r.file, Err: err}
		}
		r.write(u.bytes, at)
	}
	return r.kept - before, r.err
}

// broken tells wrong bytes from a transfer that was cut.
func (r *SnapshotReceiver) broken(err error) error {
	var wrong *unitError
	if errors.As(err, &wrong) {
		return &SnapshotDamagedError{File: r.file, Err: err}
	}
	return err
}

// spoil gives up on everything that was received: the whole is not the file.
func (r *SnapshotReceiver) spoil() {
	r.err = fmt.Errorf("storage: snapshot of group %d at %d: %w", r.file.Group, r.file.Index, ErrSnapshotSpoiled)
	_ = r.snapshots.remove(r.file, partSuffix) // the next transfer finds out again
}

func (r *SnapshotReceiver) write(b []byte, at int64) {
	err := r.snapshots.store.space.take(int64(len(b)))
	if err == nil {
		_, err = r.f.WriteAt(b, at)
	}
	switch {
	case err != nil:
	case r.kept-r.synced >= receiveSyncBytes:
		err = r.sync()
	default:
		err = r.failed(r.trickle.wrote(r.kept))
	}
	if err != nil {
		r.err = fmt.Errorf("storage: receive snapshot of group %d: %w", r.file.Group, err)
	}
}

// sync makes what was received durable.
func (r *SnapshotReceiver) sync() error {
	err := r.failed(r.f.Sync())
	if err == nil {
		r.synced = r.kept
	}
	return err
}

// failed passes the error of a sync on. It is final, as any other on this disk. What such a sync
// leaves behind is not known, and a later one would say that all is well: it is received anew.
func (r *SnapshotReceiver) failed(err error) error {
	if err != nil {
		_ = r.snapshots.remove(r.file, partSuffix) // the digest tells in the end, should it come back
		r.snapshots.store.fail(fmt.Errorf("storage: receive snapshot of group %d at %d: %w", r.file.Group, r.file.Index, err))
	}
	return err
}

// Finish gives the complete file its name, durably, and closes the receiver.
func (r *SnapshotReceiver) Finish() (SnapshotFile, error) {
	defer r.Close()
	if r.err == nil && !r.ended {
		return SnapshotFile{}, fmt.Errorf("%w: a snapshot of which %d of %d bytes are here", ErrInvalid, r.kept, r.file.Size)
	}
	if r.err == nil && r.kept != r.file.Size {
		r.spoil()
	}
	err := r.err
	if err == nil {
		err = r.sync()
	}
	r.closeFile()
	if err == nil {
		err = r.snapshots.settle(r.part, r.file)
	}
	if err != nil {
		return SnapshotFile{}, fmt.Errorf("storage: receive snapshot of group %d: %w", r.file.Group, err)
	}
	return r.file, nil
}

// Close ends the transfer for now; what was received stays, until Retain.
func (r *SnapshotReceiver) Close() {
	r.closeFile()
	r.hold(false)
}

// hold says whether Retain has to leave the part alone.
func (r *SnapshotReceiver) hold(on bool) {
	if r.held == on {
		return
	}
	r.held = on
	s := r.snapshots
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.receiving[r.part] = true
	} else {
		delete(s.receiving, r.part)
	}
}

func (r *SnapshotReceiver) closeFile() {
	if r.f == nil {
		return
	}
	if r.err == nil {
		_ = r.sync() // it has said what there is to say; what is lost is received again
	}
	_ = r.f.Close() // likewise
	r.f = nil
}
