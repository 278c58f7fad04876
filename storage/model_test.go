package storage

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"pgregory.net/rapid"
)

// model is what a store is expected to hold. Values of it never change: a write
// makes another one.
type model map[raft.GroupID]modelLog

type modelLog struct {
	hs         raft.HardState
	snapshot   raft.SnapshotMeta // without an index: testMeta
	purged     raft.Index
	purgedTerm raft.Term
	entries    []raft.Entry // from behind purged on
}

func (l modelLog) last() raft.Index { return l.purged + raft.Index(len(l.entries)) }

func (l modelLog) lastTerm() raft.Term { return l.term(l.last()) }

func (l modelLog) term(i raft.Index) raft.Term {
	if i == l.purged {
		return l.purgedTerm
	}
	return l.entries[i-l.purged-1].Term
}

// with returns the model after one write.
func (m model) with(gw GroupWrite) model {
	l, w := m[gw.Group], gw.Write
	if w.Truncate {
		l.entries = l.entries[:w.TruncateAfter-l.purged]
	}
	if w.Snapshot != nil {
		l.snapshot = *w.Snapshot
	}
	if w.Reset {
		l.purged, l.purgedTerm, l.entries = w.Snapshot.Index, w.Snapshot.Term, nil
	}
	if w.HardState != nil {
		l.hs = *w.HardState
	}
	l.entries = append(slices.Clip(l.entries), w.Entries...)
	if w.CompactTo > 0 {
		l.purgedTerm = l.term(w.CompactTo)
		l.purged, l.entries = w.CompactTo, l.entries[w.CompactTo-l.purged:]
	}
	out := maps.Clone(m)
	out[gw.Group] = l
	return out
}

// write makes up a write that a core might emit for group g; pick(n) is a number
// in [0, n).
func (m model) write(g raft.GroupID, pick func(n int) int) GroupWrite {
	l := m[g]
	hs, w := l.hs, raft.Write{Sync: pick(4) > 0}
	if hs.Commit < l.last() && pick(4) == 0 {
		w.Truncate = true
		w.TruncateAfter = hs.Commit + raft.Index(pick(int(l.last()-hs.Commit)+1))
		l.entries = l.entries[:w.TruncateAfter-l.purged]
	}
	if grow := pick(3); grow > 0 || hs.Term == 0 {
		hs.Term, hs.Vote = hs.Term+raft.Term(grow)+1, raft.NodeID(pick(4))
	}
	if !w.Truncate && pick(6) == 0 {
		index := l.last() + 1 + raft.Index(pick(5))
		w.Snapshot, w.Reset = snapshotOf(index, l.lastTerm()+1, pick), true
		hs.Term, hs.Commit = hs.Term+1, index
		hs.Vote = 0
		l.snapshot, l.purged, l.purgedTerm, l.entries = *w.Snapshot, index, w.Snapshot.Term, nil
	}
	for range pick(6) {
		w.Entries = append(w.Entries, l.entry(hs.Term, pick))
		l.entries = append(slices.Clip(l.entries), w.Entries[len(w.Entries)-1])
	}
	if behind := int(l.last() - hs.Commit); pick(2) == 0 {
		hs.Commit += raft.Index(pick(behind + 1))
	}
	if !w.Reset {
		l.compact(&w, m[g].hs.Commit, pick)
	}
	if hs != l.hs {
		w.HardState = &hs
	}
	w.Sync = w.Sync || hs.Term != l.hs.Term || hs.Vote != l.hs.Vote
	return GroupWrite{Group: g, Write: w}
}

// compact may let w publish a snapshot of what was committed before it and drop the
// log behind the newest one.
func (l modelLog) compact(w *raft.Write, commit raft.Index, pick func(n int) int) {
	if behind := int(commit - l.snapshot.Index); behind > 0 && w.Snapshot == nil && pick(4) == 0 {
		index := l.snapshot.Index + 1 + raft.Index(pick(behind))
		w.Snapshot = snapshotOf(index, l.term(index), pick)
		l.snapshot = *w.Snapshot
	}
	if behind := int(l.snapshot.Index - l.purged); behind > 0 && pick(3) == 0 {
		w.CompactTo = l.purged + 1 + raft.Index(pick(behind))
	}
}

func snapshotOf(index raft.Index, term raft.Term, pick func(n int) int) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Index: index, Term: term, ConfigIndex: raft.Index(pick(int(index))),
		Configuration: confchange.New(1, raft.NodeID(2+pick(60))),
	}
}

// entry makes up the next entry.
func (l modelLog) entry(termMax raft.Term, pick func(n int) int) raft.Entry {
	e := raft.Entry{Index: l.last() + 1, Type: raft.EntryCommand}
	e.Term = max(l.lastTerm(), termMax-raft.Term(pick(2)))
	switch pick(8) {
	case 0:
		e.Type, e.Data = raft.EntryConfig, confchange.New(1, raft.NodeID(2+pick(60))).Encode()
	case 1:
		e.Type = raft.EntryNoop
	case 2:
		e.Data = bytes.Repeat([]byte{byte(pick(256))}, 5000)
	default:
		e.Data = []byte(fmt.Sprint("value ", e.Index, e.Term, pick(1000)))
	}
	return e
}

// restored is what Restore should return for a group.
func (l modelLog) restored() raft.Restored {
	r := raft.Restored{
		HardState: l.hs, Snapshot: l.snapshot, PurgedIndex: l.purged, PurgedTerm: l.purgedTerm, LastIndex: l.last(),
	}
	if l.snapshot.Index == 0 {
		r.Snapshot = testMeta
	}
	for i, e := range l.entries {
		r.LogBytes += e.Size()
		if i == 0 || l.entries[i-1].Term != e.Term {
			r.TermRuns = append(r.TermRuns, raft.TermRun{First: e.Index, Term: e.Term})
		}
		if e.Type == raft.EntryConfig && e.Index > l.snapshot.Index {
			c, _ := confchange.Decode(e.Data)
			r.Configs = append(r.Configs, raft.ConfigAt{Index: e.Index, Configuration: c})
		}
	}
	return r
}

// differs says where the store is not what the model says; nil: nowhere.
// Under way is a later state: its terms and votes may be there before the rest.
func (m model) differs(s *Store, underWay ...model) error {
	groups, err := s.Groups()
	if want := slices.Sorted(maps.Keys(m)); err != nil || !slices.Equal(groups, want) {
		return fmt.Errorf("groups %v, %v, want %v", groups, err, want)
	}
	for g, l := range m {
		got, err := s.Restore(g)
		if err != nil {
			return err
		}
		want := l.restored()
		for _, next := range underWay {
			if hs := next[g].hs; hs.Term == got.HardState.Term && hs.Vote == got.HardState.Vote {
				want.HardState.Term, want.HardState.Vote = hs.Term, hs.Vote
			}
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("group %d: restored %+v, want %+v", g, got, want)
		}
		if l.purged > 0 {
			if _, err := s.Entries(g, l.purged, l.purged+1, 1); !errors.Is(err, ErrCompacted) {
				return fmt.Errorf("group %d: entry %d is purged, reading it gives %v", g, l.purged, err)
			}
		}
		if len(l.entries) == 0 {
			continue
		}
		entries, err := s.Entries(g, l.purged+1, l.last()+1, 1<<40)
		if err != nil || len(entries) != len(l.entries) {
			return fmt.Errorf("group %d: %d entries, %v, want %d", g, len(entries), err, len(l.entries))
		}
		for i, e := range entries {
			if w := l.entries[i]; e.Index != w.Index || e.Term != w.Term || e.Type != w.Type || !bytes.Equal(e.Data, w.Data) {
				return fmt.Errorf("group %d: entry %+v, want %+v", g, e, w)
			}
		}
	}
	return nil
}

// machine drives a store and a model side by side.
type machine struct {
	t     tester
	fs    *vfs.MemFS
	store *Store
	now   model
	// possible are the states a power loss may leave, from the last synced one on.
	possible []model
}

func (m *machine) open(fs *vfs.MemFS) {
	m.fs = fs
	s, err := Open(testDir, testOptions(m.t, fs))
	if err != nil {
		m.t.Fatalf("open: %v", err)
	}
	m.store = s
}

// recover opens fs and finds out which of the possible states it holds.
func (m *machine) recover(fs *vfs.MemFS) {
	m.open(fs)
	var problems []error
	for _, p := range m.possible {
		err := p.differs(m.store)
		if err == nil {
			m.now, m.possible = p, []model{p}
			return
		}
		problems = append(problems, err)
	}
	m.t.Fatalf("after a crash the store holds none of the %d possible states: %v", len(problems), problems)
}

func (m *machine) commit(pick func(int) int) {
	var ws []GroupWrite
	groups := slices.Sorted(maps.Keys(m.now))
	for range 1 + pick(4) {
		w := m.now.write(groups[pick(len(groups))], pick)
		ws = append(ws, w)
		m.now = m.now.with(w)
	}
	if err := m.store.Commit(ws); err != nil {
		m.t.Fatalf("commit: %v", err)
	}
	if slices.ContainsFunc(ws, func(w GroupWrite) bool { return w.Write.Sync }) {
		m.possible = nil
	}
	m.possible = append(m.possible, m.now)
}

func (m *machine) restart() {
	mustClose(m.t, m.store)
	m.possible = []model{m.now}
	m.recover(m.fs)
}

func (m *machine) crash(keepUnsynced bool) {
	clone := crashClone(m.fs, keepUnsynced)
	mustClose(m.t, m.store)
	m.recover(clone)
}

func (m *machine) create(g raft.GroupID) {
	if err := m.store.CreateGroup(g, testMeta); err != nil {
		m.t.Fatal(err)
	}
	if _, ok := m.now[g]; ok {
		return // nothing was written, so nothing was synced
	}
	m.now = maps.Clone(m.now)
	m.now[g] = modelLog{}
	m.possible = []model{m.now}
}

func (m *machine) delete(g raft.GroupID) {
	if err := m.store.DeleteGroup(g); err != nil {
		m.t.Fatal(err)
	}
	if _, ok := m.now[g]; !ok {
		return
	}
	m.now = maps.Clone(m.now)
	delete(m.now, g)
	m.possible = []model{m.now}
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{t: r, now: model{}}
		m.open(vfs.NewCrashableMem())
		defer func() { _ = m.store.Close() }()
		m.create(1)
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "pick") }
		r.Repeat(map[string]func(*rapid.T){
			"commit":  func(*rapid.T) { m.commit(pick) },
			"commit2": func(*rapid.T) { m.commit(pick) },
			"create":  func(*rapid.T) { m.create(raft.GroupID(1 + pick(4))) },
			"delete":  func(*rapid.T) { m.delete(raft.GroupID(2 + pick(3))) },
			"restart": func(*rapid.T) { m.restart() },
			"crash":   func(*rapid.T) { m.crash(pick(2) == 0) },
			"flush": func(*rapid.T) {
				if err := m.store.db.Flush(); err != nil {
					r.Fatal(err)
				}
			},
			"": func(*rapid.T) {
				if err := m.now.differs(m.store); err != nil {
					r.Fatal(err)
				}
			},
		})
	})
}
