package raft

import "slices"

// A chunk of the cache is filled once and never moved: slices of it are handed
// out while later entries are appended behind them.
const (
	chunkEntriesMin = 8
	chunkEntriesMax = 512
	chunkBytesMax   = 1 << 20
)

// replicaLog is what a core knows of its log: the term of every index, as runs,
// and the entries of a tail of it. It never reads the disk.
//
// Invariant: the chunks are contiguous and end at last; runs cover
// (base, last] and their terms rise.
type replicaLog struct {
	base     Index // the last one released; the log starts behind it
	baseTerm Term
	last     Index
	runs     []TermRun
	chunks   []chunk
	bytes    uint64 // of all chunks
	size     logSize
}

// chunk is a stretch of cached entries.
type chunk struct {
	entries []Entry // never empty
	bytes   uint64
}

func (k *chunk) first() Index { return k.entries[0].Index }

// end is the index behind the chunk's last entry.
func (k *chunk) end() Index { return k.first() + Index(len(k.entries)) }

// lastTerm returns the term of the last entry, or of the base.
func (l *replicaLog) lastTerm() Term {
	if n := len(l.runs); n > 0 {
		return l.runs[n-1].Term
	}
	return l.baseTerm
}

// term returns the term of the entry at i; false when i is behind the log or
// compacted away.
func (l *replicaLog) term(i Index) (Term, bool) {
	if i < l.base || i > l.last {
		return 0, false
	}
	for r := len(l.runs) - 1; r >= 0; r-- {
		if l.runs[r].First <= i {
			return l.runs[r].Term, true
		}
	}
	return l.baseTerm, true
}

// agreement returns the newest index at or before limit whose term is at most
// term: behind it two logs cannot agree when the other one has term at limit.
func (l *replicaLog) agreement(limit Index, term Term) Index {
	end := l.last
	for r := len(l.runs) - 1; r >= 0; r-- {
		run := l.runs[r]
		if run.First <= limit && run.Term <= term {
			return min(end, limit)
		}
		end = run.First - 1
	}
	return min(l.base, limit)
}

// append puts e, which follows on last, at the end.
func (l *replicaLog) append(e Entry) {
	l.noteTerm(&e)
	k := l.openChunk()
	k.entries = append(k.entries, e)
	k.bytes += e.Size()
	l.bytes += e.Size()
	l.last = e.Index
	l.size.add(e.Index, e.Size())
}

// appendAll puts entries, the first of which follows on last, at the end. It is
// append for many: one copy for each chunk they reach.
func (l *replicaLog) appendAll(entries []Entry) {
	for len(entries) > 0 {
		k := l.openChunk()
		n, bytes := k.room(entries)
		for i := range entries[:n] {
			l.noteTerm(&entries[i])
		}
		k.entries = append(k.entries, entries[:n]...)
		k.bytes += bytes
		l.bytes += bytes
		l.last = entries[n-1].Index
		l.size.add(l.last, bytes)
		entries = entries[n:]
	}
}

// noteTerm begins a run when e, which comes next, is of a newer term.
func (l *replicaLog) noteTerm(e *Entry) {
	if n := len(l.runs); n == 0 || l.runs[n-1].Term != e.Term {
		l.runs = append(l.runs, TermRun{First: e.Index, Term: e.Term})
	}
}

// room returns how many of entries the open chunk k takes, and their size.
func (k *chunk) room(entries []Entry) (n int, bytes uint64) {
	most := min(cap(k.entries)-len(k.entries), len(entries))
	for ; n < most && k.bytes+bytes < chunkBytesMax; n++ {
		bytes += entries[n].Size()
	}
	return n, bytes
}

// openChunk returns a chunk with room for one more entry. Chunks double, so that
// a group with a handful of entries stays small.
func (l *replicaLog) openChunk() *chunk {
	size := chunkEntriesMin
	if n := len(l.chunks); n > 0 {
		k := &l.chunks[n-1]
		if len(k.entries) < cap(k.entries) && k.bytes < chunkBytesMax {
			return k
		}
		size = min(max(2*cap(k.entries), chunkEntriesMin), chunkEntriesMax)
	}
	l.chunks = append(l.chunks, chunk{entries: make([]Entry, 0, size)})
	return &l.chunks[len(l.chunks)-1]
}

// truncate removes every entry behind after.
func (l *replicaLog) truncate(after Index) {
	l.size.cut(after, l.last)
	for n := len(l.chunks); n > 0 && l.chunks[n-1].end() > after+1; n = len(l.chunks) {
		k := &l.chunks[n-1]
		l.bytes -= k.bytes
		if k.first() > after {
			l.chunks[n-1] = chunk{}
			l.chunks = l.chunks[:n-1]
			continue
		}
		// Why the capacity is cut too: what stood behind may have been handed out
		// and must not be overwritten.
		keep := after + 1 - k.first()
		k.entries = k.entries[:keep:keep]
		k.bytes = sizeOf(k.entries)
		l.bytes += k.bytes
	}
	for n := len(l.runs); n > 0 && l.runs[n-1].First > after; n = len(l.runs) {
		l.runs = l.runs[:n-1]
	}
	l.last = after
}

// cachedFrom returns the first index held in memory; last+1 when none is.
func (l *replicaLog) cachedFrom() Index {
	if len(l.chunks) == 0 {
		return l.last + 1
	}
	return l.chunks[0].first()
}

// chunkOf returns the position of the chunk that holds i, which must be cached.
func (l *replicaLog) chunkOf(i Index) int {
	if n := len(l.chunks) - 1; l.chunks[n].first() <= i {
		return n
	}
	at, found := slices.BinarySearchFunc(l.chunks, i, func(k chunk, i Index) int {
		switch {
		case k.end() <= i:
			return -1
		case k.first() > i:
			return 1
		}
		return 0
	})
	if !found {
		panic("raft: log: entry not cached")
	}
	return at
}

// slice returns entries [lo, hi), which must be cached: a part of a chunk, or a
// copy when they span several.
func (l *replicaLog) slice(lo, hi Index) []Entry {
	if lo >= hi {
		return nil
	}
	at := l.chunkOf(lo)
	k := &l.chunks[at]
	if hi <= k.end() {
		from, to := lo-k.first(), hi-k.first()
		return k.entries[from:to:to]
	}
	out := make([]Entry, 0, hi-lo)
	for ; at < len(l.chunks) && l.chunks[at].first() < hi; at++ {
		k = &l.chunks[at]
		from := max(lo, k.first()) - k.first()
		to := min(hi, k.end()) - k.first()
		out = append(out, k.entries[from:to]...)
	}
	return out
}

// batch returns entries from lo, which must be cached, up to hi exclusive and
// bytesMax, but at least one, and their size.
func (l *replicaLog) batch(lo, hi Index, bytesMax uint64) ([]Entry, uint64) {
	end, bytes := lo, uint64(0)
	for at := l.chunkOf(lo); at < len(l.chunks) && end < hi; at++ {
		n, size := fit(l.chunks[at].entries[end-l.chunks[at].first():], bytesMax, bytes, end == lo)
		end += Index(n)
		bytes += size
		if end < l.chunks[at].end() {
			break
		}
	}
	if end > hi {
		end = hi
		entries := l.slice(lo, end)
		return entries, sizeOf(entries)
	}
	return l.slice(lo, end), bytes
}

// stretch is batch within one chunk, so that nothing is ever copied.
func (l *replicaLog) stretch(lo, hi Index, bytesMax uint64) ([]Entry, uint64) {
	k := &l.chunks[l.chunkOf(lo)]
	entries := k.entries[lo-k.first() : min(hi, k.end())-k.first()]
	n, bytes := fit(entries, bytesMax, 0, true)
	return entries[:n:n], bytes
}

// fit returns how many entries fit into what used leaves of bytesMax, and their
// size. The first one always fits when always is set.
func fit(entries []Entry, bytesMax, used uint64, always bool) (n int, bytes uint64) {
	for ; n < len(entries); n++ {
		size := entries[n].Size()
		if used+bytes+size > bytesMax && !(always && n == 0) {
			break
		}
		bytes += size
	}
	return n, bytes
}

// evict drops the oldest chunks that end at or before upTo while more than
// bytesMax are cached.
func (l *replicaLog) evict(upTo Index, bytesMax uint64) {
	for l.bytes > bytesMax && len(l.chunks) > 0 && l.chunks[0].end() <= upTo+1 {
		l.dropChunk()
	}
}

// dropChunk drops the oldest chunk.
func (l *replicaLog) dropChunk() {
	l.bytes -= l.chunks[0].bytes
	l.chunks[0] = chunk{}
	l.chunks = l.chunks[1:]
}

func sizeOf(entries []Entry) uint64 {
	total := uint64(0)
	for i := range entries {
		total += entries[i].Size()
	}
	return total
}
