package plugins

import (
	"bytes"
	"fmt"
)

// scrubBlocks is how many blocks StateHash looks at, besides the one of each call.
const scrubBlocks = 256

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
