package nodetest

import (
	"maps"
	"reflect"
	"slices"

	"github.com/wraft/wraft/internal/invariants"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// memLogs are the logs of a MemStore in one of its states.
type memLogs map[raft.GroupID]*memLog

func (ls memLogs) groups() []raft.GroupID { return slices.Sorted(maps.Keys(ls)) }

// clone shares the data of the entries, which nobody changes, and nothing else.
func (ls memLogs) clone() memLogs {
	out := make(memLogs, len(ls))
	for id, l := range ls {
		c := *l
		c.entries = slices.Clone(l.entries)
		out[id] = &c
	}
	return out
}

// memLog is one group: entries follow directly on what is purged.
type memLog struct {
	base       raft.SnapshotMeta // it was created from
	snapshot   raft.SnapshotMeta // the newest one published
	purged     raft.Index
	purgedTerm raft.Term
	hardState  raft.HardState
	entries    []raft.Entry
}

func newMemLog(base raft.SnapshotMeta) *memLog {
	return &memLog{base: base, snapshot: base, purged: base.Index, purgedTerm: base.Term}
}

func (l *memLog) startsFrom(base raft.SnapshotMeta) bool { return reflect.DeepEqual(l.base, base) }

func (l *memLog) last() raft.Index { return l.purged + raft.Index(len(l.entries)) }

func (l *memLog) lastTerm() raft.Term { return l.term(l.last()) }

func (l *memLog) term(i raft.Index) raft.Term {
	if i == l.purged {
		return l.purgedTerm
	}
	return l.entries[i-l.purged-1].Term
}

// write performs one write and stops at what no correct core asks for.
func (l *memLog) write(gw storage.GroupWrite) {
	w := &gw.Write
	if w.Truncate {
		invariants.Check(w.TruncateAfter >= max(l.purged, l.hardState.Commit) && w.TruncateAfter <= l.last(),
			"nodetest: group %d: truncation behind %d with a log from %d, commit %d, last %d",
			gw.Group, w.TruncateAfter, l.purged, l.hardState.Commit, l.last())
		l.entries = l.entries[:w.TruncateAfter-l.purged]
	}
	if w.Snapshot != nil {
		l.publish(gw)
	}
	if hs := w.HardState; hs != nil {
		old := l.hardState
		invariants.Check(hs.Term >= old.Term && hs.Commit >= old.Commit &&
			(hs.Term > old.Term || old.Vote == 0 || hs.Vote == old.Vote),
			"nodetest: group %d: hard state goes back from %+v to %+v", gw.Group, old, *hs)
		l.hardState = *hs
	}
	for i := range w.Entries {
		e := &w.Entries[i]
		if e.Index != l.last()+1 || e.Term < l.lastTerm() || e.Term > l.hardState.Term || !e.Type.Valid() {
			invariants.Violated("nodetest: group %d: entry %d of term %d, type %v, behind %d of term %d in term %d",
				gw.Group, e.Index, e.Term, e.Type, l.last(), l.lastTerm(), l.hardState.Term)
		}
		l.entries = append(l.entries, *e)
	}
	invariants.Check(l.hardState.Commit <= l.last(), "nodetest: group %d: commit %d is beyond the last index %d",
		gw.Group, l.hardState.Commit, l.last())
	invariants.Check(w.Snapshot == nil || l.hardState.Commit >= l.snapshot.Index, "nodetest: group %d: commit %d with a snapshot at %d",
		gw.Group, l.hardState.Commit, l.snapshot.Index)
	if w.CompactTo != 0 {
		l.compact(gw)
	}
}

// publish makes the write's snapshot the newest, and the log begin behind it when
// that is asked for.
func (l *memLog) publish(gw storage.GroupWrite) {
	w, m := &gw.Write, *gw.Write.Snapshot
	invariants.Check(m.Index > l.snapshot.Index && !(w.Truncate && w.Reset) && (w.Reset || m.Index <= l.last()),
		"nodetest: group %d: snapshot at %d behind one at %d, reset %v, last %d", gw.Group, m.Index, l.snapshot.Index, w.Reset, l.last())
	l.snapshot = m
	if w.Reset {
		l.purged, l.purgedTerm, l.entries = m.Index, m.Term, nil
	}
}

// compact drops the entries up to the write's CompactTo.
func (l *memLog) compact(gw storage.GroupWrite) {
	to := gw.Write.CompactTo
	invariants.Check(to > l.purged && to <= l.snapshot.Index, "nodetest: group %d: compaction of (%d, %d] with a snapshot at %d",
		gw.Group, l.purged, to, l.snapshot.Index)
	term := l.term(to)
	l.entries = l.entries[to-l.purged:]
	l.purged, l.purgedTerm = to, term
}
