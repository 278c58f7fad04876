package fec

import (
	"encoding/binary"
	"time"
)

// group gathers the packets whose parity is computed together: one block, or
// several interleaved ones when packets come fast. A packet's shard is its length
// and its bytes; zeros follow up to the length of the block's longest.
type group struct {
	opened   time.Duration
	extended bool // it waits a second time, for leave to send parity
	ecn      ECN
	first    uint32 // number of its first packet
	count    int
	shards   [groupPacketsMax][]byte // kept for the next group
}

// add copies a packet.
func (g *group) add(packet []byte) {
	shard := g.shards[g.count]
	if shard == nil {
		shard = make([]byte, 0, shardBytesMax)
	}
	shard = binary.BigEndian.AppendUint16(shard[:0], uint16(len(packet)))
	g.shards[g.count] = append(shard, packet...)
	g.count++
}

// width returns how many blocks of a size the packets are spread over.
func (g *group) width(size int) int { return (g.count + size - 1) / size }

// block returns the shards of block i of a number of blocks, padded to one length,
// in the given slice.
func (g *group) block(i, blocks int, into [][]byte) [][]byte {
	into = into[:0]
	longest := 0
	for j := i; j < g.count; j += blocks {
		into = append(into, g.shards[j])
		longest = max(longest, len(g.shards[j]))
	}
	for j, shard := range into {
		into[j] = pad(shard, longest)
	}
	return into
}

// pad fills a shard with zeros up to a size within its capacity.
func pad(shard []byte, size int) []byte {
	padded := shard[:size]
	clear(padded[len(shard):])
	return padded
}

// encode appends the names of a block's packets to each parity packet, and their
// parity, to which the packets have room.
func encode(shards, packets [][]byte, scratch [][]byte) {
	k, m, size := len(shards), len(packets), len(shards[0])
	scratch = append(scratch[:0], shards...)
	for i := range packets {
		for _, shard := range shards {
			n := int(binary.BigEndian.Uint16(shard))
			packets[i] = appendName(packets[i], nameOf(shard[:lengthBytes+n]))
		}
		at := len(packets[i])
		packets[i] = packets[i][:at+size]
		scratch = append(scratch, packets[i][at:])
	}
	if err := codeOf(k, m).Encode(scratch); err != nil {
		panic("fec: encode: " + err.Error()) // only shards of different sizes
	}
}
