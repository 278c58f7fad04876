package node

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/internal/sumhash"
)

// The sum that is kept up to date is that of what the table holds, at any time.
func TestSessionHashIsOfTheTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSessions()
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			id := SessionID(rapid.IntRange(1, 6).Draw(t, "session"))
			sequence := uint64(rapid.IntRange(0, 8).Draw(t, "sequence"))
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				s.Open()
			case 1:
				if s.Len() > 0 {
					s.evictOldest()
				}
			default:
				if v, _ := s.Judge(id, sequence, uint64(rapid.IntRange(0, 8).Draw(t, "below"))); v == VerdictExecute {
					s.Store(id, sequence, Answer{Index: 7, Data: rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "answer")})
				}
			}
			var want sumhash.Sum
			stored := 0
			for _, one := range s.byID {
				want.Add(one.part)
				for sequence, a := range one.answers {
					want.Add(answerPart(one.id, sequence, a))
					stored += len(a.Data)
				}
			}
			if s.sum != want || s.bytes != stored {
				t.Fatalf("sum %x of %d bytes, the table's is %x of %d", s.sum.Append(nil), s.bytes, want.Append(nil), stored)
			}
		}
	})
}

func TestSessionHashTellsTablesApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Sessions){
		"as it is":            func(*Sessions) {},
		"another answer":      func(s *Sessions) { s.Store(1, 2, Answer{Index: 5, Data: []byte("y")}) },
		"its index":           func(s *Sessions) { s.Store(1, 2, Answer{Index: 6, Data: []byte("x")}) },
		"its status":          func(s *Sessions) { s.Store(1, 2, Answer{Index: 5, Status: -1, Data: []byte("x")}) },
		"another sequence":    func(s *Sessions) { s.Store(1, 3, Answer{Index: 5, Data: []byte("x")}) },
		"another session":     func(s *Sessions) { s.Store(2, 2, Answer{Index: 5, Data: []byte("x")}) },
		"one more session":    func(s *Sessions) { s.Open() },
		"the first used last": func(s *Sessions) { s.Judge(1, 1, 0) },
		"the other used last": func(s *Sessions) { s.Judge(2, 1, 0) },
		"acknowledged":        func(s *Sessions) { s.Judge(1, 3, 3) },
		"one gone":            func(s *Sessions) { s.evictOldest() },
	} {
		s := NewSessions()
		s.Open()
		s.Open()
		s.Store(1, 2, Answer{Index: 5, Data: []byte("x")})
		change(s)
		h := string(s.AppendHash(nil))
		if other, taken := seen[h]; taken {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
		if again := s.AppendHash(nil); !bytes.Equal(again, []byte(h)) {
			t.Errorf("%s: the hash changed by itself", name)
		}
	}
}
