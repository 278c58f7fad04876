package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wraft/wraft/raft"
)

// Layout of a snapshot file, all numbers little-endian; docs/FORMAT.md spells it
// out. A file is a sequence of units, each of which can be checked by itself: the
// header, chunks, and the end.
const (
	snapshotMagic   = "wraftsnp"
	snapshotVersion = 1

	snapshotFixedBytes = len(snapshotMagic) + 4 + 4               // in front of the header's record
	snapshotChunkHead  = 4 + 4 + 4                                // in front of a chunk's bytes
	snapshotEndHead    = snapshotChunkHead + 8 + snapshotSumBytes // a chunk of nothing, total and sum
	snapshotEndBytes   = snapshotEndHead + sha256.Size            // and the digest
	snapshotSumBytes   = 16

	// snapshotChunkBytes is how much of the content a chunk holds.
	snapshotChunkBytes = 256 << 10
	// snapshotChunkMax and snapshotStoredMax bound what is believed of a chunk.
	snapshotChunkMax  = 1 << 20
	snapshotStoredMax = snapshotChunkMax + 1<<10
	// snapshotRecordMax bounds the header's record: a configuration of three times 64
	// members makes 4 KiB.
	snapshotRecordMax = 16 << 10
	// snapshotKindMax bounds the text that says what the content is.
	snapshotKindMax = 32
)

// SnapshotHeader says what a snapshot file is.
type SnapshotHeader struct {
	Group raft.GroupID
	// Meta is the snapshot's place in the log.
	Meta raft.SnapshotMeta
	// Kind says how the content is to be read, at most 32 bytes. This package does not
	// look at it.
	Kind string
	// Base is the file that this one is an increment on; zero for one that is whole.
	Base Digest
}

// whole reports whether the file needs no other one.
func (h *SnapshotHeader) whole() bool { return h.Base == Digest{} }

// append writes the header's unit.
func (h *SnapshotHeader) append(b []byte) []byte {
	record := newRecord(nil)
	record = binary.AppendUvarint(record, uint64(h.Group))
	record = binary.AppendUvarint(record, uint64(len(h.Kind)))
	record = append(record, h.Kind...)
	record = append(record, h.Base[:]...)
	record = sealRecord(appendMeta(record, h.Meta))
	b = append(b, snapshotMagic...)
	b = binary.LittleEndian.AppendUint32(b, snapshotVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(record)))
	return append(b, record...)
}

// snapshotRecordBytes reads how long the header's record is from what stands in
// front of it.
func snapshotRecordBytes(fixed []byte) (int, error) {
	if string(fixed[:len(snapshotMagic)]) != snapshotMagic {
		return 0, wrongUnit("it is no snapshot")
	}
	if v := binary.LittleEndian.Uint32(fixed[len(snapshotMagic):]); v != snapshotVersion {
		return 0, wrongUnit("it is of version %d, this release reads %d", v, snapshotVersion)
	}
	n := binary.LittleEndian.Uint32(fixed[len(snapshotMagic)+4:])
	if n > snapshotRecordMax {
		return 0, wrongUnit("its header has %d bytes, at most %d are possible", n, snapshotRecordMax)
	}
	return int(n), nil
}

func decodeSnapshotHeader(record []byte) (SnapshotHeader, error) {
	r, err := openRecord(record)
	if err != nil {
		return SnapshotHeader{}, err
	}
	h := SnapshotHeader{Group: raft.GroupID(r.uvarint()), Kind: r.str(snapshotKindMax)}
	if r.err != nil {
		return SnapshotHeader{}, r.err
	}
	if len(r.b) < len(h.Base) {
		return SnapshotHeader{}, fmt.Errorf("%w digest", errMalformed)
	}
	r.b = r.b[copy(h.Base[:], r.b):]
	h.Meta, err = r.meta()
	return h, err
}

// appendChunk writes a chunk's unit: stored is what is kept of raw bytes.
func appendChunk(b, stored []byte, raw int) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(stored)))
	b = binary.LittleEndian.AppendUint32(b, uint32(raw))
	b = append(b, stored...)
	binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// appendSnapshotEnd writes the end's unit but for the digest. sum is that of all units
// before.
func appendSnapshotEnd(b []byte, raw uint64, sum [snapshotSumBytes]byte) []byte {
	at := len(b)
	b = append(b, make([]byte, snapshotChunkHead)...)
	b = binary.LittleEndian.AppendUint64(b, raw)
	b = append(b, sum[:]...)
	binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// snapshotUnit is a unit of a file that was found sound.
type snapshotUnit struct {
	bytes  []byte // all of it
	header *SnapshotHeader
	stored []byte // of a chunk
	raw    int    // what stored makes
	end    bool
	total  uint64 // of the end: what all chunks make
	sum    [snapshotSumBytes]byte
	digest Digest // of the end
}

// unitError says that bytes are not what a snapshot file has at that place.
type unitError struct{ err error }

// Error says what is wrong.
func (e *unitError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *unitError) Unwrap() error { return e.err }

func wrongUnit(format string, args ...any) error { return &unitError{fmt.Errorf(format, args...)} }

// snapshotUnits reads the units of a file one after the other.
type snapshotUnits struct {
	r     io.Reader
	begun bool
	buf   []byte // of the last unit
}

// next returns the next unit, which is valid until the call after. The error is
// io.EOF or io.ErrUnexpectedEOF where the bytes end, one of the reader, or a
// *unitError.
func (u *snapshotUnits) next() (snapshotUnit, error) {
	if !u.begun {
		return u.nextHeader()
	}
	if err := u.fill(0, snapshotChunkHead); err != nil {
		return snapshotUnit{}, err
	}
	stored, raw := binary.LittleEndian.Uint32(u.buf[4:]), binary.LittleEndian.Uint32(u.buf[8:])
	if stored > snapshotStoredMax || raw > snapshotChunkMax || (stored == 0) != (raw == 0) {
		return snapshotUnit{}, wrongUnit("a chunk of %d bytes for %d", stored, raw)
	}
	if raw == 0 {
		return u.nextEnd()
	}
	if err := u.fill(snapshotChunkHead, int(stored)); err != nil {
		return snapshotUnit{}, err
	}
	if !u.sound(len(u.buf)) {
		return snapshotUnit{}, wrongUnit("the checksum of a chunk does not match")
	}
	return snapshotUnit{bytes: u.buf, stored: u.buf[snapshotChunkHead:], raw: int(raw)}, nil
}

func (u *snapshotUnits) nextHeader() (snapshotUnit, error) {
	if err := u.fill(0, snapshotFixedBytes); err != nil {
		return snapshotUnit{}, err
	}
	n, err := snapshotRecordBytes(u.buf)
	if err != nil {
		return snapshotUnit{}, err
	}
	if err := u.fill(snapshotFixedBytes, n); err != nil {
		return snapshotUnit{}, err
	}
	h, err := decodeSnapshotHeader(u.buf[snapshotFixedBytes:])
	if err != nil {
		return snapshotUnit{}, wrongUnit("its header: %w", err)
	}
	u.begun = true
	return snapshotUnit{bytes: u.buf, header: &h}, nil
}

func (u *snapshotUnits) nextEnd() (snapshotUnit, error) {
	if err := u.fill(snapshotChunkHead, snapshotEndBytes-snapshotChunkHead); err != nil {
		return snapshotUnit{}, err
	}
	if !u.sound(snapshotEndHead) {
		return snapshotUnit{}, wrongUnit("the checksum of its end does not match")
	}
	out := snapshotUnit{bytes: u.buf, end: true, total: binary.LittleEndian.Uint64(u.buf[snapshotChunkHead:])}
	copy(out.sum[:], u.buf[snapshotEndHead-snapshotSumBytes:])
	copy(out.digest[:], u.buf[snapshotEndHead:])
	return out, nil
}

// sound checks the checksum at the front of the unit against its first n bytes.
func (u *snapshotUnits) sound(n int) bool {
	return crc32.Checksum(u.buf[4:n], castagnoli) == binary.LittleEndian.Uint32(u.buf)
}

// fill reads n bytes behind the first at bytes of the unit.
func (u *snapshotUnits) fill(at, n int) error {
	if cap(u.buf) < at+n {
		u.buf = append(make([]byte, 0, max(at+n, 4<<10)), u.buf[:at]...)
	}
	u.buf = u.buf[:at+n]
	_, err := io.ReadFull(u.r, u.buf[at:])
	if at > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// ReadSnapshotHeader reads the beginning of a snapshot file. What is behind the header is
// neither read nor checked.
func ReadSnapshotHeader(file []byte) (SnapshotHeader, error) {
	u := snapshotUnits{r: bytes.NewReader(file)}
	unit, err := u.next()
	if err != nil {
		return SnapshotHeader{}, fmt.Errorf("storage: snapshot header: %w", err)
	}
	return *unit.header, nil
}
