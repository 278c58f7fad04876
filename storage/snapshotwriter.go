package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"github.com/wraft/wraft/internal/sumhash"
)

// SnapshotWriter writes one snapshot file. It belongs to one goroutine and ends with
// Finish or Abort. Equal headers and contents make equal files.
type SnapshotWriter struct {
	snapshots *Snapshots
	header    SnapshotHeader
	temp      string
	file      vfs.File
	trickle   trickle
	encoder   *zstd.Encoder
	sum       *sumhash.Stream // of all units before the end
	hash      hash.Hash
	chunk     []byte // content that no chunk holds yet
	stored    []byte // scratch
	unit      []byte // scratch
	raw       uint64 // content in chunks
	size      int64
	err       error
}

// Create begins a snapshot file. Nobody sees it before Finish. ErrDiskFull, also of Write
// and Finish: there is too little room.
func (s *Snapshots) Create(h SnapshotHeader) (*SnapshotWriter, error) {
	if err := s.store.usable(); err != nil {
		return nil, err
	}
	if h.Group == 0 || h.Meta.Index == 0 || len(h.Kind) > snapshotKindMax {
		return nil, fmt.Errorf("%w: a snapshot of group %d at %d, kind %.40q", ErrInvalid, h.Group, h.Meta.Index, h.Kind)
	}
	if err := s.store.space.take(0); err != nil {
		return nil, fmt.Errorf("storage: snapshot of group %d: %w", h.Group, err)
	}
	if err := makeDirectories(s.store.dir.fs, s.folder(h.Group)); err != nil {
		return nil, fmt.Errorf("storage: snapshot of group %d: %w", h.Group, err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("storage: snapshot of group %d: %w", h.Group, err)
	}
	w := &SnapshotWriter{
		snapshots: s, header: h, encoder: encoder, hash: sha256.New(), sum: sumhash.NewStream(), chunk: make([]byte, 0, snapshotChunkBytes),
		temp: s.store.dir.fs.PathJoin(s.folder(h.Group), fmt.Sprintf("%d%s", s.writes.Add(1), tempSuffix)),
	}
	if w.file, err = s.store.dir.fs.Create(w.temp, writeCategory); err != nil {
		return nil, fmt.Errorf("storage: snapshot of group %d: %w", h.Group, err)
	}
	w.trickle.file = w.file
	w.put(h.append(nil))
	return w, nil
}

// Write takes more of the content. Errors stick.
func (w *SnapshotWriter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && w.err == nil {
		took := min(len(b), snapshotChunkBytes-len(w.chunk))
		w.chunk, b = append(w.chunk, b[:took]...), b[took:]
		if len(w.chunk) == snapshotChunkBytes {
			w.flush()
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// flush writes a chunk of what has gathered.
func (w *SnapshotWriter) flush() {
	if len(w.chunk) == 0 {
		return
	}
	w.stored = w.encoder.EncodeAll(w.chunk, w.stored[:0])
	w.unit = appendChunk(w.unit[:0], w.stored, len(w.chunk))
	w.put(w.unit)
	w.raw += uint64(len(w.chunk))
	w.chunk = w.chunk[:0]
}

// put writes bytes that the digest is of. They are not to be used afterwards: a vfs.File
// may have changed them.
func (w *SnapshotWriter) put(b []byte) {
	if w.err != nil {
		return
	}
	_, _ = w.hash.Write(b) // a hash never fails
	_, _ = w.sum.Write(b)
	if err := w.snapshots.store.space.take(int64(len(b))); err != nil {
		w.err = fmt.Errorf("storage: snapshot of group %d: %w", w.header.Group, err)
		return
	}
	if _, err := w.file.Write(b); err != nil {
		w.err = fmt.Errorf("storage: snapshot of group %d: %w", w.header.Group, err)
		return
	}
	w.size += int64(len(b))
	w.synced(w.trickle.wrote(w.size))
}

// synced takes the outcome of a sync into account. A failed one is final on this disk.
func (w *SnapshotWriter) synced(err error) {
	if w.err = err; err != nil {
		w.snapshots.store.fail(fmt.Errorf("storage: snapshot of group %d at %d: %w", w.header.Group, w.header.Meta.Index, err))
	}
}

// Finish makes the snapshot durable and gives it its name. After an error there is
// no snapshot. When its sync failed, or the name may or may not last, Options.Fatal is
// called.
func (w *SnapshotWriter) Finish() (SnapshotFile, error) {
	w.flush()
	w.put(appendSnapshotEnd(nil, w.raw, w.sum.Sum()))
	out := SnapshotFile{Group: w.header.Group, Index: w.header.Meta.Index, Size: w.size + sha256.Size}
	sum := w.hash.Sum(nil)
	copy(out.Digest[:], sum)
	w.put(sum)
	if w.err == nil {
		w.synced(w.file.Sync())
	}
	err := errors.Join(w.err, w.close())
	if err == nil {
		err = w.snapshots.settle(w.temp, out)
	} else {
		w.remove()
	}
	if err != nil {
		return SnapshotFile{}, fmt.Errorf("storage: snapshot of group %d at %d: %w", out.Group, out.Index, err)
	}
	return out, nil
}

// Abort removes what was written. After Finish it does nothing.
func (w *SnapshotWriter) Abort() {
	if w.file == nil {
		return
	}
	_ = w.close() // nobody will read it
	w.remove()
}

func (w *SnapshotWriter) close() error {
	err := w.file.Close()
	w.file = nil
	return errors.Join(err, w.encoder.Close())
}

// remove deletes the file. Why unchecked: it has no snapshot's name, and the next
// Open tries again.
func (w *SnapshotWriter) remove() { _ = w.snapshots.store.dir.fs.Remove(w.temp) }
