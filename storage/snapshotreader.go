package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"
)

// SnapshotReader reads the content of a snapshot file and checks every byte of it.
// It belongs to one goroutine. What was read is sound for certain only when io.EOF
// has come.
type SnapshotReader struct {
	file    SnapshotFile
	header  SnapshotHeader
	f       vfs.File
	units   snapshotUnits
	hash    hash.Hash
	decoder *zstd.Decoder
	chunk   []byte // decoded
	rest    []byte // of chunk, not read yet
	raw     uint64
	err     error
}

// Open opens a snapshot's content; ErrSnapshotMissing when it is not stored. The
// caller closes the reader. A damaged file is a *SnapshotDamagedError, now or from Read.
func (s *Snapshots) Open(file SnapshotFile) (*SnapshotReader, error) {
	f, err := s.open(file)
	if err != nil {
		return nil, err
	}
	r := &SnapshotReader{file: file, f: f, hash: sha256.New(), units: snapshotUnits{r: f}}
	u, err := r.units.next()
	if err == nil && (u.header.Group != file.Group || u.header.Meta.Index != file.Index) {
		err = fmt.Errorf("it is of group %d at %d", u.header.Group, u.header.Meta.Index)
	}
	if err == nil {
		r.header = *u.header
		_, _ = r.hash.Write(u.bytes) // a hash never fails
		r.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(snapshotChunkMax))
	}
	if err != nil {
		return nil, errors.Join(r.failure(err), f.Close())
	}
	return r, nil
}

// open opens the bytes of a snapshot file.
func (s *Snapshots) open(file SnapshotFile) (vfs.File, error) {
	f, err := s.store.dir.fs.Open(s.path(file), vfs.SequentialReadsOption)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: group %d at %d, %v", ErrSnapshotMissing, file.Group, file.Index, file.Digest)
	}
	if err != nil {
		return nil, fmt.Errorf("storage: open snapshot of group %d at %d: %w", file.Group, file.Index, err)
	}
	return f, nil
}

// Header says what the file is.
func (r *SnapshotReader) Header() SnapshotHeader { return r.header }

// Read implements io.Reader. Errors stick.
func (r *SnapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next takes the next unit in; io.EOF behind an end that vouches for all.
func (r *SnapshotReader) next() error {
	u, err := r.units.next()
	if err != nil {
		return r.failure(err)
	}
	if u.end {
		return r.end(u)
	}
	_, _ = r.hash.Write(u.bytes) // a hash never fails
	if r.chunk, err = r.decoder.DecodeAll(u.stored, r.chunk[:0]); err != nil {
		return r.failure(err)
	}
	if len(r.chunk) != u.raw {
		return r.failure(fmt.Errorf("a chunk of %d bytes makes %d", u.raw, len(r.chunk)))
	}
	r.rest, r.raw = r.chunk, r.raw+uint64(len(r.chunk))
	return nil
}

func (r *SnapshotReader) end(u snapshotUnit) error {
	_, _ = r.hash.Write(u.bytes[:snapshotEndBytes-sha256.Size]) // a hash never fails
	if sum := Digest(r.hash.Sum(nil)); sum != u.digest || sum != r.file.Digest || u.total != r.raw {
		return r.failure(fmt.Errorf("its %d bytes have the digest %v; it says %d bytes and %v", r.raw, sum, u.total, u.digest))
	}
	if n, err := r.f.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return r.failure(errors.Join(errors.New("something follows on its end"), err))
	}
	return io.EOF
}

// failure says that the file is not what was written.
func (r *SnapshotReader) failure(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too soon")
	}
	return &SnapshotDamagedError{File: r.file, Err: err}
}

// Close closes the file, whether it was read or not.
func (r *SnapshotReader) Close() error {
	if r.decoder != nil {
		r.decoder.Close()
	}
	return r.f.Close()
}

// Verify reads a whole snapshot file and returns what it is.
func (s *Snapshots) Verify(file SnapshotFile) (SnapshotHeader, error) {
	r, err := s.Open(file)
	if err != nil {
		return SnapshotHeader{}, err
	}
	_, err = io.Copy(io.Discard, r)
	return r.header, errors.Join(err, r.Close())
}
