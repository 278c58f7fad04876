package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/wraft/wraft/raft"
	"github.com/zeebo/xxh3"
)

// The value of an entry:
//
//	crc32c  u32, little end first, of all that follows
//	chain   u64, little end first
//	version u8
//	type    u8
//	term    uvarint
//	index   uvarint
//	data    the rest
//
// chain is XXH3-64 over everything from version on, seeded with the chain of the
// entry before it. The checksum finds a changed value; the chain finds an entry
// that is missing, was swapped, or belongs to another log.
const (
	entryVersion     = 1
	entryHeaderBytes = 4 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errMalformed is the cause inside a DamagedError for bytes nobody wrote.
var errMalformed = errors.New("malformed")

// chain is the running hash of a log up to and including some entry.
type chain uint64

// storedEntry is a decoded value. entry.Data and body lie within the value.
type storedEntry struct {
	entry raft.Entry
	chain chain
	body  []byte
}

// follows reports whether the entry was written directly behind one whose chain
// is prev.
func (s *storedEntry) follows(prev chain) bool { return chainAfter(prev, s.body) == s.chain }

func chainAfter(prev chain, body []byte) chain { return chain(xxh3.HashSeed(body, uint64(prev))) }

// entryValueBytes is how long e's value will be.
func entryValueBytes(e *raft.Entry) int {
	return entryHeaderBytes + 2 + uvarintBytes(uint64(e.Term)) + uvarintBytes(uint64(e.Index)) + len(e.Data)
}

// putEntry writes e's value into b, which has entryValueBytes bytes, behind an
// entry whose chain is prev, and returns e's chain.
func putEntry(b []byte, e *raft.Entry, prev chain) chain {
	body := b[entryHeaderBytes:]
	body[0] = entryVersion
	body[1] = byte(e.Type)
	n := 2
	n += binary.PutUvarint(body[n:], uint64(e.Term))
	n += binary.PutUvarint(body[n:], uint64(e.Index))
	copy(body[n:], e.Data)
	c := chainAfter(prev, body)
	binary.LittleEndian.PutUint64(b[4:], uint64(c))
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return c
}

// decodeEntry reads what putEntry wrote. It checks everything that can be checked
// without the entry before it; follows checks the rest.
func decodeEntry(b []byte) (storedEntry, error) {
	if len(b) < entryHeaderBytes+2 {
		return storedEntry{}, errors.New("value cut short")
	}
	if crc32.Checksum(b[4:], castagnoli) != binary.LittleEndian.Uint32(b) {
		return storedEntry{}, errors.New("checksum does not match")
	}
	body := b[entryHeaderBytes:]
	if body[0] != entryVersion {
		return storedEntry{}, errors.New("unknown version of the value")
	}
	s := storedEntry{chain: chain(binary.LittleEndian.Uint64(b[4:])), body: body}
	s.entry.Type = raft.EntryType(body[1])
	if !s.entry.Type.Valid() {
		return storedEntry{}, errors.New("unknown entry type")
	}
	r := reader{b: body[2:]}
	s.entry.Term = raft.Term(r.uvarint())
	s.entry.Index = raft.Index(r.uvarint())
	s.entry.Data = r.b
	return s, r.err
}

func uvarintBytes(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
