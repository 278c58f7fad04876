package main

import (
	"fmt"

	"github.com/wraft/wraft/raft"
)

// wraftLog is a replica's log in memory, the counterpart of etcd's
// MemoryStorage: it keeps the entries it was handed, which nobody changes any
// more, by reference.
//
// Invariant: the segments are contiguous, none is empty.
type wraftLog struct {
	segments [][]raft.Entry // one per write
	count    int            // entries of all segments
	state    raft.HardState
}

// write keeps what w says, so that the core may be told it is durable.
func (l *wraftLog) write(w *raft.Write) error {
	if w.HardState != nil {
		l.state = *w.HardState
	}
	if w.Truncate {
		l.truncate(w.TruncateAfter)
	}
	if len(w.Entries) == 0 {
		return nil
	}
	if last := l.last(); l.count > 0 && w.Entries[0].Index != last+1 {
		return fmt.Errorf("corebench: wraft: write: entry %d after %d", w.Entries[0].Index, last)
	}
	l.segments = append(l.segments, w.Entries)
	l.count += len(w.Entries)
	return nil
}

// first returns the first index that is kept; 0 when none is.
func (l *wraftLog) first() raft.Index {
	if l.count == 0 {
		return 0
	}
	return l.segments[0][0].Index
}

// last returns the last index; 0 when none is kept.
func (l *wraftLog) last() raft.Index {
	if l.count == 0 {
		return 0
	}
	newest := l.segments[len(l.segments)-1]
	return newest[len(newest)-1].Index
}

// truncate removes every entry behind after.
func (l *wraftLog) truncate(after raft.Index) {
	for l.count > 0 && l.last() > after {
		n := len(l.segments) - 1
		newest := l.segments[n]
		keep := 0
		if newest[0].Index <= after {
			keep = int(after - newest[0].Index + 1)
		}
		l.count -= len(newest) - keep
		l.segments[n] = newest[:keep:keep]
		if keep == 0 {
			l.segments = l.segments[:n]
		}
	}
}

// compact drops segments that end far enough behind applied when there are
// enough of them; the others move to a slice of their own.
func (l *wraftLog) compact(applied raft.Index) {
	if l.count < 2*retainedEntries {
		return
	}
	n := 0
	for ; l.segments[n][0].Index+raft.Index(len(l.segments[n]))+retainedEntries <= applied; n++ {
		l.count -= len(l.segments[n])
	}
	l.segments = append([][]raft.Entry(nil), l.segments[n:]...)
}
