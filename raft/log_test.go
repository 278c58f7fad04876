package raft

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLogAgainstAList compares the cache with a plain list of entries, and checks
// that what was handed out never changes.
func TestLogAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := Index(rapid.IntRange(0, 3).Draw(t, "base"))
		l := replicaLog{base: base, last: base}
		if base > 0 {
			l.baseTerm = 1
		}
		var list []Entry // from base+1 on
		var handed, copies [][]Entry
		evicted := base
		term := Term(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "do") {
			case 0: // truncate, never into what was evicted
				after := Index(rapid.Uint64Range(uint64(evicted), uint64(l.last)).Draw(t, "after"))
				l.truncate(after)
				list = list[:after-base]
				term++
			case 1:
				upTo := Index(rapid.Uint64Range(uint64(base), uint64(l.last)).Draw(t, "upTo"))
				l.evict(upTo, rapid.Uint64Range(0, 2000).Draw(t, "bytes"))
				if evicted = l.cachedFrom() - 1; evicted > max(upTo, base) && len(list) > 0 && evicted > l.last {
					t.Fatalf("evicted up to %d, allowed was %d", evicted, upTo)
				}
			case 2:
				term += Term(rapid.IntRange(0, 2).Draw(t, "rise"))
			default:
				var more []Entry
				for i := range rapid.IntRange(1, 30).Draw(t, "count") {
					if rapid.IntRange(0, 9).Draw(t, "newer") == 0 {
						term++
					}
					data := make([]byte, rapid.IntRange(0, 9).Draw(t, "size"))
					more = append(more, Entry{Index: l.last + 1 + Index(i), Term: term, Type: EntryCommand, Data: data})
				}
				if rapid.Bool().Draw(t, "at once") {
					l.appendAll(more)
				} else {
					for _, e := range more {
						l.append(e)
					}
				}
				list = append(list, more...)
			}
			checkLog(t, &l, list)
			if l.last >= l.cachedFrom() {
				lo := Index(rapid.Uint64Range(uint64(l.cachedFrom()), uint64(l.last)).Draw(t, "lo"))
				hi := Index(rapid.Uint64Range(uint64(lo)+1, uint64(l.last)+1).Draw(t, "hi"))
				bytesMax := rapid.Uint64Range(0, 3000).Draw(t, "bytesMax")
				for _, part := range checkParts(t, &l, list, lo, hi, bytesMax) {
					handed, copies = append(handed, part), append(copies, slices.Clone(part))
				}
			}
		}
		for i := range handed {
			if !equal(handed[i], copies[i]) {
				t.Fatalf("entries changed after they were handed out:\n%v\n%v", handed[i], copies[i])
			}
		}
	})
}

func equal(a, b []Entry) bool {
	return slices.EqualFunc(a, b, func(x, y Entry) bool {
		return x.Index == y.Index && x.Term == y.Term && len(x.Data) == len(y.Data)
	})
}

func checkLog(t *rapid.T, l *replicaLog, list []Entry) {
	if l.last != l.base+Index(len(list)) {
		t.Fatalf("last %d, the list has %d behind %d", l.last, len(list), l.base)
	}
	for i := l.base; i <= l.last; i++ {
		want := l.baseTerm
		if i > l.base {
			want = list[i-l.base-1].Term
		}
		if got, ok := l.term(i); !ok || got != want {
			t.Fatalf("term of %d is %d, want %d", i, got, want)
		}
	}
	if _, ok := l.term(l.last + 1); ok {
		t.Fatal("an entry behind the log has a term")
	}
	cached := list[min(len(list), int(l.cachedFrom()-l.base-1)):]
	if l.bytes != sizeOf(cached) {
		t.Fatalf("%d bytes cached, the list says %d", l.bytes, sizeOf(cached))
	}
	checkAgreement(t, l, list)
}

// checkAgreement compares with a search entry by entry.
func checkAgreement(t *rapid.T, l *replicaLog, list []Entry) {
	limit := Index(rapid.Uint64Range(0, uint64(l.last)).Draw(t, "limit"))
	term := Term(rapid.Uint64Range(0, uint64(l.lastTerm())+1).Draw(t, "term"))
	want := min(l.base, limit)
	for i := l.base + 1; i <= limit; i++ {
		if list[i-l.base-1].Term <= term {
			want = i
		}
	}
	if got := l.agreement(limit, term); got != want {
		t.Fatalf("agreement(%d, %d) = %d, want %d", limit, term, got, want)
	}
}

// checkParts compares the three ways to take entries out, and returns them.
func checkParts(t *rapid.T, l *replicaLog, list []Entry, lo, hi Index, bytesMax uint64) [][]Entry {
	want := list[lo-l.base-1 : hi-l.base-1]
	slice := l.slice(lo, hi)
	if !equal(slice, want) {
		t.Fatalf("slice(%d, %d) = %v, want %v", lo, hi, slice, want)
	}
	fits := 1
	for fits < len(want) && sizeOf(want[:fits+1]) <= bytesMax {
		fits++
	}
	batch, bytes := l.batch(lo, hi, bytesMax)
	if !equal(batch, want[:fits]) || bytes != sizeOf(batch) {
		t.Fatalf("batch(%d, %d, %d) has %d entries with %d bytes, want %d", lo, hi, bytesMax, len(batch), bytes, fits)
	}
	stretch, bytes := l.stretch(lo, hi, bytesMax)
	if len(stretch) == 0 || len(stretch) > fits || !equal(stretch, want[:len(stretch)]) || bytes != sizeOf(stretch) {
		t.Fatalf("stretch(%d, %d, %d) has %d entries with %d bytes", lo, hi, bytesMax, len(stretch), bytes)
	}
	return [][]Entry{slice, batch, stretch}
}

func TestFifoAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q fifo[int]
		var list []int
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "do") {
			case 0, 1, 2:
				q.push(i)
				list = append(list, i)
			case 3:
				if len(list) > 0 {
					if got := q.pop(); got != list[0] {
						t.Fatalf("popped %d, want %d", got, list[0])
					}
					list = list[1:]
				}
			case 4:
				if rapid.IntRange(0, 20).Draw(t, "reset") == 0 {
					q.reset()
					list = nil
				}
			}
			if q.len() != len(list) || len(list) > 0 && (*q.at(0) != list[0] || *q.at(len(list) - 1) != list[len(list)-1]) {
				t.Fatalf("%d queued, want %v", q.len(), list)
			}
		}
	})
}
