package raft

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSizesAgainstAList compares what the marks say with the entries themselves:
// at most the entries between two marks apart.
func TestSizesAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := Index(rapid.IntRange(0, 50).Draw(t, "base"))
		l := replicaLog{}
		l.reset(SnapshotMeta{Index: base, Term: 1})
		sizes := map[Index]uint64{}
		largest := uint64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "do") {
			case 0:
				after := l.base + Index(rapid.IntRange(0, int(l.last-l.base)).Draw(t, "after"))
				l.truncate(after)
			case 1:
				l.release(l.base + Index(rapid.IntRange(0, int(l.last-l.base)).Draw(t, "release")))
			default:
				var list []Entry
				for range rapid.IntRange(1, 9).Draw(t, "entries") {
					e := Entry{Index: l.last + Index(len(list)) + 1, Term: 1, Data: make([]byte, rapid.IntRange(0, 40_000).Draw(t, "bytes"))}
					sizes[e.Index] = e.Size()
					largest = max(largest, e.Size())
					list = append(list, e)
				}
				l.appendAll(list)
			}
			from := l.base + Index(rapid.IntRange(0, int(l.last-l.base)).Draw(t, "from"))
			to := from + Index(rapid.IntRange(0, int(l.last-from)).Draw(t, "to"))
			want := uint64(0)
			for i := from + 1; i <= to; i++ {
				want += sizes[i]
			}
			// Each end lies between two marks; an appendAll adds one mark per chunk, and a
			// cut leaves an estimate behind.
			slack := 4 * (markBytesMin + 9*largest)
			if got := l.sizeBetween(from, to); got > want+slack || got+slack < want {
				t.Fatalf("(%d, %d] of (%d, %d] takes %d, estimated are %d", from, to, l.base, l.last, want, got)
			}
			if tail := l.tailOf(from, to, 100_000); tail < from || tail > to || l.sizeBetween(tail, to) > 100_000 {
				t.Fatalf("the tail of (%d, %d] begins behind %d", from, to, tail)
			}
		}
	})
}

// TestReleaseKeepsTheLog: terms and entries behind the base are what they were.
func TestReleaseKeepsTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := replicaLog{}
		term, terms := Term(1), map[Index]Term{}
		for i := Index(1); i <= 60; i++ {
			term += Term(rapid.IntRange(0, 7).Draw(t, "rise") / 6)
			terms[i] = term
			l.append(Entry{Index: i, Term: term})
		}
		for l.base < l.last {
			l.release(l.base + Index(rapid.IntRange(1, int(l.last-l.base)).Draw(t, "release")))
			for i := l.base; i <= l.last; i++ {
				if got, ok := l.term(i); !ok || got != terms[i] {
					t.Fatalf("base %d: entry %d has term %d, %v, want %d", l.base, i, got, ok, terms[i])
				}
			}
			if _, ok := l.term(l.base - 1); ok || l.lastTerm() != terms[60] {
				t.Fatalf("base %d: what is before it is known, or the last term is not: %d", l.base, l.lastTerm())
			}
			if n := len(l.slice(l.base+1, l.last+1)); n != int(l.last-l.base) {
				t.Fatalf("%d entries behind base %d", n, l.base)
			}
		}
		l.append(Entry{Index: 61, Term: term})
		if got, _ := l.term(61); got != term || l.last != 61 || l.cachedFrom() != 61 {
			t.Fatalf("after all was released: %+v", l)
		}
	})
}
