package raft

import "sort"

// markBytesMin is the least distance of two marks: what a log's size costs in
// memory per mark, and how coarse it is known.
const markBytesMin = 64 << 10

// logSize knows about how many bytes any stretch of the log takes, also where
// the entries are not in memory: it marks some indexes with the bytes up to them
// and takes entries between two marks to be of one size.
//
// Invariant: marks rise in both fields, the first is at or before the log's base
// and none is behind its last index.
type logSize struct {
	marks []sizeMark
	total uint64 // up to the last index
}

// sizeMark says that everything up to index takes total bytes, from some
// beginning on that is the same for all marks.
type sizeMark struct {
	index Index
	total uint64
}

// restart forgets everything: a log begins behind base and has bytes up to last.
func (s *logSize) restart(base, last Index, bytes uint64) {
	s.marks = append(s.marks[:0], sizeMark{index: base})
	s.total = bytes
	if last > base {
		s.marks = append(s.marks, sizeMark{index: last, total: bytes})
	}
}

// add notes entries of bytes that end at last.
func (s *logSize) add(last Index, bytes uint64) {
	if len(s.marks) == 0 {
		s.marks = append(s.marks, sizeMark{})
	}
	s.total += bytes
	if s.total-s.marks[len(s.marks)-1].total >= markBytesMin {
		s.marks = append(s.marks, sizeMark{index: last, total: s.total})
	}
}

// cut forgets everything behind after, of a log that ends at last.
func (s *logSize) cut(after, last Index) {
	s.total = s.upTo(after, last)
	for n := len(s.marks); n > 1 && s.marks[n-1].index > after; n = len(s.marks) {
		s.marks = s.marks[:n-1]
	}
}

// release forgets marks that nothing behind base needs.
func (s *logSize) release(base Index) {
	n := 0
	for n+1 < len(s.marks) && s.marks[n+1].index <= base {
		n++
	}
	s.marks = append(s.marks[:0], s.marks[n:]...)
}

// upTo returns the bytes up to index, of a log that ends at last.
func (s *logSize) upTo(index, last Index) uint64 {
	at := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].index > index })
	if at == 0 {
		return 0
	}
	from, to := s.marks[at-1], sizeMark{index: last, total: s.total}
	if at < len(s.marks) {
		to = s.marks[at]
	}
	if to.index <= from.index {
		return from.total
	}
	// Floats, because the product of two such numbers may not fit.
	share := float64(index-from.index) / float64(to.index-from.index)
	return from.total + uint64(share*float64(to.total-from.total))
}

// sizeBetween returns about how many bytes the entries (after, upTo] take.
func (l *replicaLog) sizeBetween(after, upTo Index) uint64 {
	return l.size.upTo(upTo, l.last) - l.size.upTo(after, l.last)
}

// tailOf returns the least index at or behind low so that (index, end] takes at
// most bytesMax.
func (l *replicaLog) tailOf(low, end Index, bytesMax uint64) Index {
	n := sort.Search(int(end-low), func(i int) bool { return l.sizeBetween(low+Index(i), end) <= bytesMax })
	return low + Index(n)
}

// release drops what is at or before upTo, which becomes the base.
func (l *replicaLog) release(upTo Index) {
	l.baseTerm, _ = l.term(upTo)
	l.base = upTo
	n := 0
	for n+1 < len(l.runs) && l.runs[n+1].First <= upTo+1 {
		n++
	}
	l.runs = l.runs[:copy(l.runs, l.runs[n:])]
	switch {
	case upTo == l.last:
		l.runs = l.runs[:0]
	case len(l.runs) > 0:
		l.runs[0].First = max(l.runs[0].First, upTo+1)
	}
	for len(l.chunks) > 0 && l.chunks[0].end() <= upTo+1 {
		l.dropChunk()
	}
	l.size.release(upTo)
}

// reset drops everything: the log begins anew behind a snapshot.
func (l *replicaLog) reset(m SnapshotMeta) {
	*l = replicaLog{base: m.Index, baseTerm: m.Term, last: m.Index}
	l.size.restart(m.Index, m.Index, 0)
}
