package plugins

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/wraft/wraft/internal/sumhash"
)

// EventKey is the place of an event: the index of its entry and its number within
// it. Subscribers see an event at least once and know one they saw by its key.
type EventKey struct {
	Index uint64
	N     int
}

// Compare orders keys as their events came.
func (k EventKey) Compare(other EventKey) int {
	return cmp.Or(cmp.Compare(k.Index, other.Index), cmp.Compare(k.N, other.N))
}

// Key is the event's place.
func (e Event) Key() EventKey { return EventKey{e.Index, e.N} }

// ring keeps the newest events of a machine, up to a number of bytes, each counted
// with eventOverheadBytes. It is part of the state: equal on every replica,
// in every image.
type ring struct {
	bytesMax int
	kept     []Event // ascending by key
	bytes    int
	sum      sumhash.Sum
	dropped  EventKey // of the newest event that is not kept any more
}

// push adds the events of a call that stands, and drops the oldest.
func (r *ring) push(events []Event) {
	for _, e := range events {
		r.kept = append(r.kept, e)
		r.bytes += e.Bytes()
		r.sum.Add(eventHash(e))
	}
	n := 0
	for ; r.bytes > r.bytesMax; n++ {
		e := r.kept[n]
		r.bytes -= e.Bytes()
		r.sum.Remove(eventHash(e))
		r.dropped = e.Key()
	}
	if n > 0 {
		clear(r.kept[:n])
		r.kept = r.kept[n:]
	}
}

// Bytes is what an event counts where events are bounded.
func (e Event) Bytes() int { return len(e.Data) + eventOverheadBytes }

// eventHash is the share of an event in the hash of a state.
func eventHash(e Event) sumhash.Part {
	b := make([]byte, 0, eventOverheadBytes+len(e.Data))
	b = binary.LittleEndian.AppendUint64(b, e.Index)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.N))
	return sumhash.Of(append(b, e.Data...))
}

// after returns what is kept behind a key, and whether everything behind it is:
// false when some of it was dropped.
func (r *ring) after(key EventKey) (events []Event, complete bool) {
	at, _ := slices.BinarySearchFunc(r.kept, key, func(e Event, key EventKey) int {
		if e.Key().Compare(key) <= 0 {
			return -1
		}
		return 1
	})
	return r.kept[at:], key.Compare(r.dropped) >= 0
}

// last is the place of the newest event, kept or not; zero: there was none.
func (r *ring) last() EventKey {
	if len(r.kept) > 0 {
		return r.kept[len(r.kept)-1].Key()
	}
	return r.dropped
}

// reset replaces what is kept.
func (r *ring) reset(kept []Event, dropped EventKey) {
	*r = ring{bytesMax: r.bytesMax, dropped: dropped}
	r.push(kept)
}
