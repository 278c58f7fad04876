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
	return t.sum.Append(b)
}

// touch notes a use of s, and whatever else has changed of it.
func (t *Sessions) touch(s *session) {
	t.uses++
	s.used = t.uses
	t.sum.Remove(s.part)
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], uint64(s.id))
	binary.LittleEndian.PutUint64(b[8:], s.ackBelow)
	binary.LittleEndian.PutUint64(b[16:], s.used)
	s.part = sumhash.Of(b[:])
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
