package storage

import (
	"encoding/binary"

	"github.com/wraft/wraft/raft"
)

// Keys start with one byte that says what they name; numbers follow as eight
// bytes, big end first, so that the order of keys is the order of groups and
// indexes.
const (
	keyPrefixDamage    = 'd' // group
	keyPrefixEntry     = 'e' // group, index
	keyPrefixGroup     = 'g' // group
	keyPrefixHardState = 'h' // group
	keyPrefixNode      = 'n' // then one of the letters below
	keyPrefixStart     = 's' // group
)

const (
	groupKeyBytes = 1 + 8
	entryKeyBytes = 1 + 8 + 8
)

var (
	keyIdentity = []byte{keyPrefixNode, 'i'}
	keyBoot     = []byte{keyPrefixNode, 'b'}
	keySequence = []byte{keyPrefixNode, 's'}
)

// putEntryKey writes an entry's key into b, which has entryKeyBytes bytes.
func putEntryKey(b []byte, g raft.GroupID, i raft.Index) {
	b[0] = keyPrefixEntry
	binary.BigEndian.PutUint64(b[1:], uint64(g))
	binary.BigEndian.PutUint64(b[9:], uint64(i))
}

func entryKey(g raft.GroupID, i raft.Index) []byte {
	b := make([]byte, entryKeyBytes)
	putEntryKey(b, g, i)
	return b
}

// entryKeysEnd is the first key behind the entries of a group.
func entryKeysEnd(g raft.GroupID) []byte {
	if g+1 == 0 {
		return []byte{keyPrefixEntry + 1}
	}
	return entryKey(g+1, 0)
}

// entryKeyIndex reads the index of a key that lies within a group's entries.
func entryKeyIndex(key []byte) (raft.Index, bool) {
	if len(key) != entryKeyBytes {
		return 0, false
	}
	return raft.Index(binary.BigEndian.Uint64(key[9:])), true
}

func groupKey(prefix byte, g raft.GroupID) []byte {
	return appendGroupKey(make([]byte, 0, groupKeyBytes), prefix, g)
}

func appendGroupKey(b []byte, prefix byte, g raft.GroupID) []byte {
	return binary.BigEndian.AppendUint64(append(b, prefix), uint64(g))
}

// groupKeyID reads the group of a key of groupKey.
func groupKeyID(key []byte) (raft.GroupID, bool) {
	if len(key) != groupKeyBytes {
		return 0, false
	}
	return raft.GroupID(binary.BigEndian.Uint64(key[1:])), true
}
