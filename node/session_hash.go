package node

import (
	"encoding/binary"

	"github.com/wraft/wraft/internal/sumhash"
)

// AppendHash appends what the whole table is named by: tables that went through the
// same log agree on it, others do not.
func (t *Sessions) AppendHash(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(t.next))
	b = binary.LittleEndian.AppendUint64(b, t.uses)
	if t.timed { // Why nothing else: replicas of an older release agree until then
		b = append(b, "timed"...)
	}
	return t.sum.Append(b)
}

// touch notes a use of s, and whatever else has changed of it.
func (t *Sessions) touch(s *session) {
	t.uses++
	s.used = t.uses
	if t.timed {
		s.seen = t.now
	}
	t.name(s)
}

// name puts the share of s into the sum, in the place of what it was before.
func (t *Sessions) name(s *session) {
	t.sum.Remove(s.part)
	b := make([]byte, 0, 32)
	for _, v := range [...]uint64{uint64(s.id), s.ackBelow, s.used} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	if t.timed {
		b = binary.LittleEndian.AppendUint64(b, uint64(s.seen))
	}
	s.part = sumhash.Of(b)
	t.sum.Add(s.part)
}

// answerPart is the share of a stored answer.
func answerPart(id SessionID, sequence uint64, a Answer) sumhash.Part {
	b := make([]byte, 0, 64+len(a.Data))
	for _, v := range [...]uint64{uint64(id), sequence, uint64(a.Index), uint64(a.Term), uint64(uint32(a.Status))} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return sumhash.Of(append(b, a.Data...))
}
