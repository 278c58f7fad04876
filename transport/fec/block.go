package fec

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// block is what the receiver knows of a block of the sender's.
type block struct {
	number  uint32
	at      time.Duration // when its first parity came
	first   uint32        // number of its first packet
	k, m    int
	stride  uint32
	ecn     ECN
	names   [dataShardsMax]uint32
	missing uint32 // a bit per packet that is not here
	gone    uint32 // those that were missing when the block was done
	parity  [parityShardsMax][]byte
	got     int // parity packets
	done    bool
}

// fits reports whether another parity packet is of the same block.
func (b *block) fits(p parity) bool {
	return b.k == len(p.names)/nameBytes && b.m == int(p.m) && b.size() == len(p.shard) && b.parity[p.pos] == nil
}

// size returns the length of the block's shards.
func (b *block) size() int {
	for _, shard := range b.parity {
		if shard != nil {
			return len(shard)
		}
	}
	return 0
}

// lacks returns how many packets are missing.
func (b *block) lacks() int { return bits.OnesCount32(b.missing) }

// solvable reports whether there is parity for all that is missing.
func (b *block) solvable() bool { return !b.done && b.missing != 0 && b.lacks() <= b.got }

// find returns the position of a missing packet.
func (b *block) find(name uint32) (int, bool) {
	for i := range b.k {
		if b.missing&(1<<i) != 0 && b.names[i] == name {
			return i, true
		}
	}
	return 0, false
}

// solve rebuilds the missing packets into the given buffers, one each, of which it
// returns what is whole. What a name led astray, or nobody sent, is not.
func (b *block) solve(r *ring, buffers *[dataShardsMax][]byte) [][]byte {
	var shards [dataShardsMax + parityShardsMax][]byte
	size := b.size()
	for i := range b.k {
		if b.missing&(1<<i) != 0 {
			shards[i] = buffers[i][:0]
			continue
		}
		shard := r.shard(b.names[i])
		if shard == nil || len(shard) > size {
			return nil // it fell out of the ring, or is another of the same name
		}
		shards[i] = pad(shard, size)
	}
	for i := range b.m {
		shards[b.k+i] = b.parity[i]
	}
	if err := codeOf(b.k, b.m).ReconstructData(shards[:b.k+b.m]); err != nil {
		return nil // a packet fell out of the ring since it was counted
	}
	var out [][]byte
	for i := range b.k {
		if b.missing&(1<<i) == 0 {
			continue
		}
		n := int(binary.BigEndian.Uint16(shards[i]))
		if lengthBytes+n > size || n < dataBytesMin {
			continue
		}
		packet := shards[i][lengthBytes : lengthBytes+n]
		if Protected(packet) && nameOf(packet) == b.names[i] {
			out = append(out, packet)
		}
	}
	return out
}
