package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// commands returns what is to be done with snapshots so far, and forgets it.
func (l *lab) commands() []raft.SnapshotCommand {
	var all []raft.SnapshotCommand
	for l.core.Pending() {
		fx := l.drain()
		all = append(all, fx.Snapshots...)
		for _, r := range fx.Apply {
			l.core.Applied(r.Last)
		}
	}
	return all
}

// take takes a snapshot at what is applied.
func (l *lab) take() raft.SnapshotMeta {
	l.t.Helper()
	m, ok := l.core.SnapshotAt(l.core.Status().Applied)
	if !ok {
		l.t.Fatalf("there is no snapshot at %d", l.core.Status().Applied)
	}
	l.core.SnapshotTaken(m)
	return m
}

// leadingAlone is n1 leading n2 and n3 with n more entries, all applied; n3 has none of
// them and has been silent for long.
func leadingAlone(t *testing.T, cfg raft.Config, n, bytes int) *lab {
	l := newLab(t, cfg, fresh(1, 2, 3))
	l.lead(2)
	for range 10 {
		l.pass(100 * time.Millisecond)
		l.ack(2)
	}
	for i := range n {
		l.propose(raft.ProposalID(i+1), bytes)
	}
	l.settle()
	l.ack(2)
	return l
}

var tight = raft.Config{RetainedEntriesMax: 1, RetainedBytesMax: 1}

func TestASnapshotIsPublishedWithTheCompaction(t *testing.T) {
	l := leadingAlone(t, tight, 9, 10)
	m := l.take()
	l.core.Drain(&l.fx)
	if len(l.fx.Writes) != 1 {
		t.Fatalf("%+v", l.fx.Writes)
	}
	w := l.fx.Writes[0]
	if w.Snapshot == nil || w.Snapshot.Index != 10 || w.Reset || w.CompactTo != 10 || !w.Sync {
		t.Fatalf("%+v", w)
	}
	if s := l.core.Status(); s.PurgedIndex != 10 || s.SnapshotIndex != 10 || s.LastTerm != 1 || s.CacheBytes != 0 {
		t.Fatalf("%+v", s)
	}
	if again, ok := l.core.SnapshotAt(10); !ok || again.Index != m.Index {
		t.Error("the snapshot itself is forgotten")
	}
	l.core.SnapshotTaken(m)
	if _, ok := l.core.SnapshotAt(9); ok || l.core.Status().SnapshotIndex != 10 {
		t.Error("there is a snapshot before the newest")
	}
	if _, ok := l.core.SnapshotAt(11); ok {
		t.Error("there is a snapshot of what is not applied")
	}
}

func TestTheTailBehindASnapshotIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  raft.Config
		want raft.Index
	}{
		"in entries":      {raft.Config{RetainedEntriesMax: 7}, 94},
		"in bytes":        {raft.Config{RetainedBytesMax: 10 * 1032}, 91},
		"all of it":       {raft.Config{}, 0},
		"next to nothing": {tight, 101},
	} {
		l := leadingAlone(t, c.cfg, 100, 1000)
		l.take()
		// Sizes are known to about an entry: the no-op is smaller than the others.
		if got := l.core.Status().PurgedIndex; got+1 < c.want || got > c.want+1 {
			t.Errorf("%s: purged up to %d, want %d", name, got, c.want)
		}
	}
}

func TestOnlyWhatWasSaidBeforeMayBeTaken(t *testing.T) {
	l := leadingAlone(t, tight, 3, 10)
	m, _ := l.core.SnapshotAt(2)
	for name, spoil := range map[string]func(*raft.SnapshotMeta){
		"not applied":           func(m *raft.SnapshotMeta) { m.Index = 9 },
		"another term":          func(m *raft.SnapshotMeta) { m.Term++ },
		"another configuration": func(m *raft.SnapshotMeta) { m.ConfigIndex++ },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is accepted", name)
				}
			}()
			wrong := m
			spoil(&wrong)
			l.core.SnapshotTaken(wrong)
		}()
	}
}

// TestASnapshotHasTheConfigurationOfItsIndex: not the one in force.
func TestASnapshotHasTheConfigurationOfItsIndex(t *testing.T) {
	l := newLab(t, tight, fresh(1))
	l.pass(1)
	l.settle()
	for i := range 70 {
		change := raft.Change{Kind: raft.AddLearner, Node: 2, Incarnation: 1}
		if i%2 == 1 {
			change = raft.Change{Kind: raft.Remove, Node: 2}
		}
		l.core.ChangeConfig(raft.ChangeRequest{ID: 1, Expected: l.core.Status().Configuration.Index, Changes: []raft.Change{change}})
		l.settle()
	}
	last := l.core.Status().LastIndex
	if m, ok := l.core.SnapshotAt(last); !ok || m.ConfigIndex != last || m.Configuration.IsLearner(2) {
		t.Fatalf("%+v, %v", m, ok)
	}
	if m, ok := l.core.SnapshotAt(last - 1); !ok || m.ConfigIndex != last-1 || !m.Configuration.IsLearner(2) {
		t.Fatalf("%+v, %v", m, ok)
	}
	if m, ok := l.core.SnapshotAt(2); ok {
		t.Fatalf("configurations are remembered without a bound: %+v", m)
	}
	l.take()
	r := fresh(1)
	r.HardState, r.LastIndex = raft.HardState{Term: 1, Commit: last}, last
	r.PurgedIndex, r.PurgedTerm = last, 1
	r.Snapshot, _ = l.core.SnapshotAt(last)
	l = newLab(t, tight, r)
	if at := l.core.Status().Configuration; at.Index != last || at.Configuration.IsLearner(2) {
		t.Fatalf("%+v", at)
	}
}

func TestASnapshotOfAFailedReplicaIsIgnored(t *testing.T) {
	l := leadingAlone(t, tight, 3, 10)
	m, _ := l.core.SnapshotAt(4)
	l.core.PersistFailed(1, errors.New("input/output error"))
	l.core.SnapshotTaken(m)
	if l.core.Status().SnapshotIndex != 0 || l.core.SnapshotReceived(raft.SnapshotMeta{}) {
		t.Error("it is not")
	}
}
