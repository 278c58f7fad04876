package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/zeebo/xxh3"
)

// A record is every value that is not an entry: a CRC-32C of all that follows,
// little end first, a version byte, and fields. Numbers are uvarints, strings
// carry their length in front. Records of a group name their group, so that a
// value under the wrong key is found.
const (
	recordVersion     = 1
	recordHeaderBytes = 4 + 1
)

// newRecord starts a record in b's memory; sealRecord finishes it.
func newRecord(b []byte) []byte {
	return append(b[:0], 0, 0, 0, 0, recordVersion)
}

func sealRecord(b []byte) []byte {
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// openRecord checks a record and returns a reader of its fields.
func openRecord(b []byte) (reader, error) {
	if len(b) < recordHeaderBytes {
		return reader{}, errors.New("record cut short")
	}
	if crc32.Checksum(b[4:], castagnoli) != binary.LittleEndian.Uint32(b) {
		return reader{}, errors.New("checksum does not match")
	}
	if b[4] != recordVersion {
		return reader{}, errors.New("unknown version of the record")
	}
	return reader{b: b[recordHeaderBytes:]}, nil
}

// appendHardState writes the hard state of g as a record into b's memory.
func appendHardState(b []byte, g raft.GroupID, hs raft.HardState) []byte {
	b = newRecord(b)
	b = binary.AppendUvarint(b, uint64(g))
	b = binary.AppendUvarint(b, uint64(hs.Term))
	b = binary.AppendUvarint(b, uint64(hs.Vote))
	b = binary.AppendUvarint(b, uint64(hs.Commit))
	return sealRecord(b)
}

func decodeHardState(b []byte, g raft.GroupID) (raft.HardState, error) {
	r, err := openRecord(b)
	if err != nil {
		return raft.HardState{}, err
	}
	r.expect(uint64(g), "group")
	hs := raft.HardState{
		Term:   raft.Term(r.uvarint()),
		Vote:   raft.NodeID(r.uvarint()),
		Commit: raft.Index(r.uvarint()),
	}
	return hs, r.end()
}

// base is where a group's log started when it was created: the snapshot it was
// created from and the chain at that index. See start for where it is now.
type base struct {
	snapshot raft.SnapshotMeta
	chain    chain
}

// newBase gives a group's first base its chain. It depends on the group, so that
// the entries of one group do not chain up under another.
func newBase(g raft.GroupID, meta raft.SnapshotMeta) base {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(g))
	binary.LittleEndian.PutUint64(b[8:], uint64(meta.Index))
	binary.LittleEndian.PutUint64(b[16:], uint64(meta.Term))
	return base{snapshot: meta, chain: chain(xxh3.Hash(b[:]))}
}

// encodeBase writes the base of g as a record.
func encodeBase(g raft.GroupID, v base) []byte {
	b := newRecord(nil)
	b = binary.AppendUvarint(b, uint64(g))
	b = binary.AppendUvarint(b, uint64(v.snapshot.Index))
	b = binary.AppendUvarint(b, uint64(v.snapshot.Term))
	b = binary.AppendUvarint(b, uint64(v.chain))
	b = append(b, v.snapshot.Configuration.Encode()...)
	return sealRecord(b)
}

func decodeBase(b []byte, g raft.GroupID) (base, error) {
	r, err := openRecord(b)
	if err != nil {
		return base{}, err
	}
	r.expect(uint64(g), "group")
	v := base{snapshot: raft.SnapshotMeta{Index: raft.Index(r.uvarint()), Term: raft.Term(r.uvarint())}}
	v.chain = chain(r.uvarint())
	if r.err != nil {
		return base{}, r.err
	}
	v.snapshot.Configuration, err = confchange.Decode(r.b)
	return v, err
}
