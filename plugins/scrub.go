package plugins

import (
	"bytes"
	"fmt"
)

// How much of its memory an instance looks over for bits that flipped, in blocks of
// 4 KiB. With a hash every 256 entries that is a block every other entry, so a flip is
// noticed within two entries for each block there is.
//
// Why not a block with each call: that took half the time of an entry of one command.
const (
	// ScrubCalls is how many calls share the look at one block.
	ScrubCalls = 8
	// ScrubBlocks is how many blocks StateHash looks at.
	ScrubBlocks = 96
)

// scrubCalls looks at the blocks that are due behind so many more calls.
func (i *Instance) scrubCalls(n int) error {
	before := i.calls / ScrubCalls
	i.calls += n
	return i.scrub(i.calls/ScrubCalls - before)
}

// scrub looks at the next blocks of the memory, round and round: the live guest's
// must be the shadow's, which must be what was hashed. A bit that flipped where
// nobody writes shows here; one that a call has worked with since shows when
// replicas compare their hashes. It runs between calls.
func (i *Instance) scrub(blocks int) error {
	live, all := i.live.memory.all(), i.shadow.size/blockBytes
	for range min(blocks, all) {
		n := uint32(i.scrubbed % all)
		i.scrubbed = int(n) + 1
		block := i.shadow.block(n)
		if !bytes.Equal(blockOf(live, n), block) || !i.memory.agrees(n, block) {
			return fmt.Errorf("%w: block %d of the memory, %d bytes from %d", ErrDamaged, n, blockBytes, int(n)*blockBytes)
		}
	}
	return nil
}

// agrees reports whether a block is what it was when it was hashed; one that waits
// to be hashed agrees with anything.
func (m *memoryHash) agrees(n uint32, block []byte) bool {
	if int(n) >= len(m.blocks) {
		return isZero(block)
	}
	return m.waits[n] || m.blocks[n] == blockHash(n, block)
}
