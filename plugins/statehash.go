package plugins

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/wraft/wraft/internal/sumhash"
)

// StateHash names the whole state of a machine: replicas that applied the same
// entries, in the same batches, agree on it, and whoever has an image can compute
// it. It is no proof against somebody who wants two states to look alike: it finds
// faults, not forgeries.
type StateHash [16]byte

// String returns the hash in hex.
func (h StateHash) String() string { return fmt.Sprintf("%x", h[:]) }

// stateLabel begins what a state's hash is of.
const stateLabel = "wraft state v1"

// memoryHash is the sum over the blocks of a memory that are not zero, kept up to
// date from the blocks that changed.
//
// Why it lags: a block may change with every entry, and nobody asks so often. What
// waits is bounded, so that whoever asks does not wait for the whole memory.
type memoryHash struct {
	sum    sumhash.Sum
	blocks []sumhash.Part // of each block; the zero value for one of zeros
	waits  []bool         // by block: it is in stale
	stale  []uint32       // in the order in which they changed
}

// staleBlocksMax bounds the blocks that wait: about half a millisecond of hashing.
const staleBlocksMax = 1024

// changed notes that blocks may have changed. memory is the state that has them. Of
// too many that wait it hashes those that have waited longest: no more than there came,
// so that no entry pays for what others changed.
func (m *memoryHash) changed(blocks []uint32, memory []byte) {
	for _, n := range blocks {
		for int(n) >= len(m.waits) {
			m.waits, m.blocks = append(m.waits, false), append(m.blocks, sumhash.Part{})
		}
		if !m.waits[n] {
			m.waits[n] = true
			m.stale = append(m.stale, n)
		}
	}
	if over := len(m.stale) - staleBlocksMax; over > 0 {
		m.hash(over, memory)
	}
}

// settle hashes the blocks that wait and returns the sum.
func (m *memoryHash) settle(memory []byte) sumhash.Sum {
	m.hash(len(m.stale), memory)
	return m.sum
}

// hash hashes so many of the blocks that wait.
func (m *memoryHash) hash(count int, memory []byte) {
	for k, n := range m.stale[:count] {
		giveWay(k)
		m.replace(n, blockOf(memory, n))
		m.waits[n] = false
	}
	m.stale = slices.Delete(m.stale, 0, count)
}

// replace hashes one block, which has changed. The memory has at most as many blocks as
// changed or grow were told of.
func (m *memoryHash) replace(n uint32, block []byte) {
	m.sum.Remove(m.blocks[n])
	m.blocks[n] = blockHash(n, block)
	m.sum.Add(m.blocks[n])
}

// grow makes room for so many blocks at once.
func (m *memoryHash) grow(blocks int) {
	if more := blocks - len(m.blocks); more > 0 {
		m.waits, m.blocks = append(m.waits, make([]bool, more)...), append(m.blocks, make([]sumhash.Part, more)...)
	}
}

// blockHash is the share of a block in the hash of a memory.
func blockHash(n uint32, block []byte) sumhash.Part {
	if isZero(block) {
		return sumhash.Part{}
	}
	content := sumhash.Bytes(sumhash.Of(block))
	return sumhash.Of(append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(content)), n), content[:]...))
}

// stateHash puts the parts of a state together.
func stateHash(run RunID, s *shadow, memory sumhash.Sum, events *ring) StateHash {
	b := append(make([]byte, 0, 256), stateLabel...)
	b = append(b, run[:]...)
	put := func(vs ...uint64) {
		for _, v := range vs {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	put(uint64(s.size))
	b = memory.Append(b)
	put(uint64(len(s.globals)))
	put(s.globals...)
	put(uint64(s.clock), uint64(len(events.kept)))
	b = events.sum.Append(b)
	put(events.dropped.Index, uint64(events.dropped.N))
	return sumhash.Bytes(sumhash.Of(b))
}
