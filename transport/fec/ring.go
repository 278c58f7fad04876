package fec

import "encoding/binary"

// ringPackets is how many data packets the receiver keeps: what may arrive between
// a packet and the last parity of its block, at 100 Mbit/s and more.
const ringPackets = 1024

// ring keeps the last data packets that arrived, as shards, by name.
type ring struct {
	shards [ringPackets][]byte
	names  [ringPackets]uint32
	next   int
	index  map[uint32]int
}

func newRing() *ring { return &ring{index: make(map[uint32]int, ringPackets)} }

// add copies a packet in place of the oldest.
func (r *ring) add(packet []byte, name uint32) {
	at := r.next
	r.next = (r.next + 1) % ringPackets
	if old := r.names[at]; len(r.shards[at]) > 0 && r.index[old] == at {
		delete(r.index, old)
	}
	shard := r.shards[at]
	if shard == nil {
		shard = make([]byte, 0, shardBytesMax)
	}
	shard = binary.BigEndian.AppendUint16(shard[:0], uint16(len(packet)))
	r.shards[at], r.names[at] = append(shard, packet...), name
	r.index[name] = at
}

// shard returns the packet of that name, or nil.
func (r *ring) shard(name uint32) []byte {
	at, ok := r.index[name]
	if !ok {
		return nil
	}
	return r.shards[at]
}

// has reports whether a packet of that name is here.
func (r *ring) has(name uint32) bool { _, ok := r.index[name]; return ok }

// runs counts packets lost in a row. Blocks tell what became of their packets in
// any order; what is far enough behind is counted.
type runs struct {
	fate   [runsWindow]fate
	cursor uint32 // packets before it are counted
	newest uint32
	inRun  bool
	runs   uint32
	lost   uint32
}

// fate is what is known of a packet.
type fate uint8

const (
	unknown fate = iota
	arrived
	lost

	runsWindow = 1024
	runsBehind = 2 * groupPacketsMax
)

// mark notes what became of a packet.
func (r *runs) mark(number uint32, f fate) {
	if after(number, r.newest) {
		if number-r.cursor >= runsWindow {
			r.advance(number - runsWindow + 1)
		}
		r.newest = number
	}
	if after(r.cursor, number) || number-r.cursor >= runsWindow {
		return
	}
	r.fate[number%runsWindow] = f
	r.advance(r.newest - runsBehind)
}

// advance counts the packets before a number.
func (r *runs) advance(to uint32) {
	if after(to, r.cursor+runsWindow) {
		clear(r.fate[:])
		r.cursor, r.inRun = to, false
	}
	for ; after(to, r.cursor); r.cursor++ {
		f := &r.fate[r.cursor%runsWindow]
		if *f == lost {
			if !r.inRun {
				r.runs++
			}
			r.lost++
		}
		r.inRun = *f == lost
		*f = unknown
	}
}
