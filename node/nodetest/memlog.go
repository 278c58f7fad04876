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
		out[id] = &memLog{base: l.base, hardState: l.hardState, entries: slices.Clone(l.entries)}
	}
	return out
}

// memLog is one group: entries follow directly on the base.
type memLog struct {
	base      raft.SnapshotMeta
	hardState raft.HardState
	entries   []raft.Entry
}

func (l *memLog) startsFrom(base raft.SnapshotMeta) bool { return reflect.DeepEqual(l.base, base) }

func (l *memLog) last() raft.Index { return l.base.Index + raft.Index(len(l.entries)) }

func (l *memLog) lastTerm() raft.Term {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].Term
	}
	return l.base.Term
}

// write performs one write and stops at what no correct core asks for.
func (l *memLog) write(gw storage.GroupWrite) {
	w := &gw.Write
	if w.Truncate {
		invariants.Check(w.TruncateAfter >= max(l.base.Index, l.hardState.Commit) && w.TruncateAfter <= l.last(),
			"nodetest: group %d: truncation behind %d with base %d, commit %d, last %d",
			gw.Group, w.TruncateAfter, l.base.Index, l.hardState.Commit, l.last())
		l.entries = l.entries[:w.TruncateAfter-l.base.Index]
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
}
