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

	"github.com/wraft/wraft/internal/sumhash"
)

// SnapshotReader reads the content of a snapshot file and checks every byte of it
// against what was written. It belongs to one goroutine. What was read is sound for
// certain only when io.EOF has come.
//
// Why not against the digest, but in Verify: a restart waits for it, and SHA-256 takes
// longer than all else together. Whoever wants to deceive has written the sum as well,
// and comes from outside: what is received is checked against the digest.
type SnapshotReader struct {
	file    SnapshotFile
	header  SnapshotHeader
	f       vfs.File
	units   snapshotUnits
	sum     *sumhash.Stream
	hash    hash.Hash // nil: the digest is not computed
	decoder *zstd.Decoder
	chunk   []byte // decoded
	rest    []byte // of chunk, not read yet
	raw     uint64
	err     error
}

// Open opens a snapshot's content; ErrSnapshotMissing when it is not stored. The
// caller closes the reader. A damaged file is a *SnapshotDamagedError, now or from Read.
func (s *Snapshots) Open(file SnapshotFile) (*SnapshotReader, error) { return s.read(file, nil) }

// read is Open with a hash for the digest, if that is to be checked.
func (s *Snapshots) read(file SnapshotFile, digest hash.Hash) (*SnapshotReader, error) {
	f, err := s.open(file)
	if err != nil {
		return nil, err
	}
	r := &SnapshotReader{file: file, f: f, sum: sumhash.NewStream(), hash: digest, units: snapshotUnits{r: f}}
	u, err := r.units.next()
	if err == nil && (u.header.Group != file.Group || u.header.Meta.Index != file.Index) {
		err = fmt.Errorf("it is of group %d at %d", u.header.Group, u.header.Meta.Index)
	}
	if err == nil {
		r.header = *u.header
		r.add(u.bytes)
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
		r.chunk, r.err = r.Next(r.chunk)
		r.rest = r.chunk
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Next returns the content's next bytes, up to 1 MiB of them, in room if they fit there;
// io.EOF behind an end that vouches for all. It is Read without a copy: a reader is read
// in one of the two ways.
func (r *SnapshotReader) Next(room []byte) ([]byte, error) {
	u, err := r.units.next()
	if err != nil {
		return nil, r.failure(err)
	}
	if u.end {
		return nil, r.end(u)
	}
	r.add(u.bytes)
	chunk, err := r.decoder.DecodeAll(u.stored, room[:0])
	if err != nil {
		return nil, r.failure(err)
	}
	if len(chunk) != u.raw {
		return nil, r.failure(fmt.Errorf("a chunk of %d bytes makes %d", u.raw, len(chunk)))
	}
	r.raw += uint64(len(chunk))
	return chunk, nil
}

// add takes bytes of the file into account. A hash never fails.
func (r *SnapshotReader) add(b []byte) {
	_, _ = r.sum.Write(b)
	if r.hash != nil {
		_, _ = r.hash.Write(b)
	}
}

func (r *SnapshotReader) end(u snapshotUnit) error {
	if sum := r.sum.Sum(); sum != u.sum || u.digest != r.file.Digest || u.total != r.raw {
		return r.failure(fmt.Errorf("its %d bytes have the sum %x; it says %d bytes, %x and the digest %v", r.raw, sum, u.total, u.sum, u.digest))
	}
	r.add(u.bytes[:snapshotEndHead])
	if r.hash != nil {
		if digest := Digest(r.hash.Sum(nil)); digest != u.digest {
			return r.failure(fmt.Errorf("it has the digest %v and says %v", digest, u.digest))
		}
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

// Verify reads a whole snapshot file, checks it against its digest as well, and returns
// what it is.
func (s *Snapshots) Verify(file SnapshotFile) (SnapshotHeader, error) {
	r, err := s.read(file, sha256.New())
	if err != nil {
		return SnapshotHeader{}, err
	}
	_, err = io.Copy(io.Discard, r)
	return r.header, errors.Join(err, r.Close())
}
