package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// The votes file holds records of voteBytes each, the newest of a group counts:
//
//	crc32c u32, little end first, of all that follows
//	group  u64, little end first
//	term   u64, little end first; 0: the group was deleted
//	vote   u64, little end first
//
// Group 0, which no group is, stands for the node: its term is the boot number.
const (
	voteBytes = 4 + 3*8
	// votesBytesMax is how long the file grows before it is written anew.
	votesBytesMax = 1 << 20
)

// vote is the part of a hard state that a replica must not forget even when its log
// is lost.
type vote struct {
	term raft.Term
	node raft.NodeID
}

// votes is the second copy of every group's term and vote. Pebble has the first.
//
// Crash argument: what is in a batch for Pebble is in this file before, and synced.
// So it is never behind Pebble unless it rotted; and where it is ahead, the batch
// was never acknowledged, or Pebble has lost it.
type votes struct {
	dir directory

	mu    sync.Mutex // guards the fields below; held across writes and syncs, which elections alone need
	file  vfs.File
	size  int64
	known map[raft.GroupID]vote
}

func appendVote(b []byte, g raft.GroupID, v vote) []byte {
	var r [voteBytes]byte
	binary.LittleEndian.PutUint64(r[4:], uint64(g))
	binary.LittleEndian.PutUint64(r[12:], uint64(v.term))
	binary.LittleEndian.PutUint64(r[20:], uint64(v.node))
	binary.LittleEndian.PutUint32(r[:], crc32.Checksum(r[4:], castagnoli))
	return append(b, r[:]...)
}

// readVotes returns what the file says up to the first record that is not whole,
// and whether that is its end.
func readVotes(d directory) (known map[raft.GroupID]vote, whole bool, err error) {
	known = map[raft.GroupID]vote{}
	f, err := d.fs.Open(d.join(votesName))
	if errors.Is(err, fs.ErrNotExist) {
		return known, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("storage: read %s: %w", votesName, err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, false, fmt.Errorf("storage: read %s: %w", votesName, err)
	}
	for ; len(b) >= voteBytes; b = b[voteBytes:] {
		if crc32.Checksum(b[4:voteBytes], castagnoli) != binary.LittleEndian.Uint32(b) {
			return known, false, nil
		}
		note(known, raft.GroupID(binary.LittleEndian.Uint64(b[4:])),
			vote{raft.Term(binary.LittleEndian.Uint64(b[12:])), raft.NodeID(binary.LittleEndian.Uint64(b[20:]))})
	}
	_, boots := known[0]
	return known, len(b) == 0 && boots, nil
}

// note puts a record in its place.
func note(known map[raft.GroupID]vote, g raft.GroupID, v vote) {
	if v.term == 0 {
		delete(known, g)
		return
	}
	known[g] = v
}

// openVotes writes the file anew with what is known.
func openVotes(d directory, known map[raft.GroupID]vote) (*votes, error) {
	v := &votes{dir: d, known: known}
	return v, v.rewrite()
}

// rewrite replaces the file by one record for each group.
func (v *votes) rewrite() error {
	var b []byte
	for _, g := range slices.Sorted(maps.Keys(v.known)) {
		b = appendVote(b, g, v.known[g])
	}
	if v.file != nil {
		if err := v.file.Close(); err != nil {
			return fmt.Errorf("storage: close %s: %w", votesName, err)
		}
		v.file = nil
	}
	if err := v.dir.write(votesName, b); err != nil {
		return err
	}
	f, err := v.dir.fs.OpenReadWrite(v.dir.join(votesName), writeCategory)
	if err != nil {
		return fmt.Errorf("storage: open %s: %w", votesName, err)
	}
	v.file, v.size = f, int64(len(b))
	return nil
}

// add makes records durable.
func (v *votes) add(news []voteRecord) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b []byte
	for _, n := range news {
		b = appendVote(b, n.group, n.vote)
		note(v.known, n.group, n.vote)
	}
	if v.size+int64(len(b)) > max(votesBytesMax, 2*int64(len(v.known))*voteBytes) {
		return v.rewrite()
	}
	_, err := v.file.WriteAt(b, v.size)
	if err == nil {
		err = v.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("storage: write %s: %w", votesName, err)
	}
	v.size += int64(len(b))
	return nil
}

// of returns what is known of a group.
func (v *votes) of(g raft.GroupID) vote {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.known[g]
}

// voted reports whether any group is known.
func (v *votes) voted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, boots := v.known[0]
	return len(v.known) > 1 || len(v.known) == 1 && !boots
}

func (v *votes) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.file == nil {
		return nil
	}
	return v.file.Close()
}

// voteRecord is one record of the votes file.
type voteRecord struct {
	group raft.GroupID
	vote  vote
}

// ahead reports whether v is news to a replica whose hard state is hs: a later
// term, or a vote where it has none.
func (v vote) ahead(hs raft.HardState) bool {
	return v.term > hs.Term || v.term == hs.Term && hs.Vote == 0 && v.node != 0
}
