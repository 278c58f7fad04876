package wire

import (
	"encoding/binary"

	"github.com/wraft/wraft/raft"
)

// An Append's entries stand behind its header as a block of raw bytes. Their
// indexes are not in it: entries follow on the append's PrevIndex. An entry is
//
//	type   1 byte, with sameTerm set when the term is that of the entry before
//	term   8 bytes, big endian, only when sameTerm is not set
//	length 4 bytes, big endian
//	data   length bytes
//
// where the entry before the first one is the one at PrevIndex. sameTerm is set
// whenever it can be.
const (
	sameTerm = 0x80
	// entryHeadBytesMin is the size of an entry without term and data.
	entryHeadBytesMin = 5
	// entryHeadBytesMax is the size of an entry with its term and without data.
	entryHeadBytesMax = 13
)

// entriesBytes returns the most that the entries' block may take.
func entriesBytes(entries []raft.Entry) int {
	size := len(entries) * entryHeadBytesMax
	for i := range entries {
		size += len(entries[i].Data)
	}
	return size
}

// appendEntries writes the block of m's entries. It returns a cause when they do
// not follow on each other or are of no known type.
func appendEntries(dst []byte, m *raft.Append) (_ []byte, cause string) {
	prevIndex, prevTerm := m.PrevIndex, m.PrevTerm
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index != prevIndex+1 {
			return dst, "entries do not follow on each other"
		}
		if !e.Type.Valid() {
			return dst, "an entry is of no known type"
		}
		if e.Term == prevTerm {
			dst = append(dst, byte(e.Type)|sameTerm)
		} else {
			dst = binary.BigEndian.AppendUint64(append(dst, byte(e.Type)), uint64(e.Term))
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(e.Data)))
		dst = append(dst, e.Data...)
		prevIndex, prevTerm = e.Index, e.Term
	}
	return dst, ""
}

// decodeEntries reads count entries that fill block, into m. Their data is not
// copied: it stays in block.
func decodeEntries(m *raft.Append, block []byte, count uint32) (cause string) {
	if count == 0 {
		if len(block) > 0 {
			return "bytes behind a header without entries"
		}
		return ""
	}
	if count > EntriesPerAppendMax || len(block) < int(count)*entryHeadBytesMin {
		return "more entries than allowed, or than there are bytes"
	}
	if m.PrevIndex+raft.Index(count) < m.PrevIndex {
		return "indexes overflow"
	}
	m.Entries = make([]raft.Entry, count)
	term := m.PrevTerm
	for i := range m.Entries {
		e := &m.Entries[i]
		e.Index = m.PrevIndex + raft.Index(i) + 1
		if block, cause = decodeEntry(e, block, term); cause != "" {
			return cause
		}
		term = e.Term
	}
	if len(block) > 0 {
		return "bytes behind the last entry"
	}
	return ""
}

// decodeEntry reads one entry from the beginning of block and returns the rest.
func decodeEntry(e *raft.Entry, block []byte, prevTerm raft.Term) (rest []byte, cause string) {
	if len(block) < entryHeadBytesMin {
		return nil, "an entry is cut"
	}
	e.Type, e.Term = raft.EntryType(block[0]&^sameTerm), prevTerm
	if !e.Type.Valid() {
		return nil, "an entry is of no known type"
	}
	carriesTerm := block[0]&sameTerm == 0
	block = block[1:]
	if carriesTerm {
		if len(block) < entryHeadBytesMax-1 {
			return nil, "an entry is cut"
		}
		e.Term = raft.Term(binary.BigEndian.Uint64(block))
		block = block[8:]
		if e.Term == prevTerm {
			return nil, "an entry repeats the term before it"
		}
	}
	length := binary.BigEndian.Uint32(block)
	block = block[4:]
	if uint64(length) > uint64(len(block)) {
		return nil, "an entry's data is cut"
	}
	if length > 0 {
		// Why the third index: an append to the data must not run into the next entry.
		e.Data = block[:length:length]
	}
	return block[length:], ""
}
