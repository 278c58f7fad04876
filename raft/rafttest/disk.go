package rafttest

import (
	"fmt"
	"maps"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/mutant"
)

// Disk holds the durable state of one replica and the writes on their way to it.
// A crash keeps a prefix of those: a disk may have got further than it said. The
// bytes of snapshots are beside that, durable at once; a write publishes one.
type Disk struct {
	synced    image
	memory    image // synced with all pending writes done
	pending   []raft.Write
	snapshots map[raft.Index]Snapshot
	// lost is what was synced before a part of it rotted, until the replica says that it
	// is whole again; nil: nothing rotted.
	lost *image
}

// Snapshot is a state of the machine, which remembers everything applied, and of
// whatever else its owner builds from that.
type Snapshot struct {
	Meta    raft.SnapshotMeta
	Chain   uint64 // of the log up to it
	Machine []raft.Entry
	State   []byte // the owner's
}

// NewDisk returns the disk of a fresh replica in configuration first.
func NewDisk(first raft.Configuration) *Disk {
	fresh := image{snapshot: raft.SnapshotMeta{Configuration: first}}
	return &Disk{synced: fresh, memory: fresh.clone(), snapshots: map[raft.Index]Snapshot{}}
}

// Preload replaces everything on a disk that was never used.
func (d *Disk) Preload(state raft.HardState, entries []raft.Entry) error {
	err := d.synced.do(raft.Write{HardState: &state, Entries: entries}, d.snapshots)
	d.memory = d.synced.clone()
	return err
}

// Begin takes a write on its way. An error means that the core asked for what no
// storage could do.
func (d *Disk) Begin(w raft.Write) error {
	if n := len(d.pending); n > 0 && d.pending[n-1].ID >= w.ID {
		return fmt.Errorf("write %d begun after write %d", w.ID, d.pending[n-1].ID)
	}
	d.pending = append(d.pending, w)
	return d.memory.do(w, d.snapshots)
}

// Pending returns how many writes are on their way.
func (d *Disk) Pending() int { return len(d.pending) }

// Sync makes the oldest n pending writes durable and returns the newest's ID; 0
// when there was none.
func (d *Disk) Sync(n int) raft.WriteID {
	id := raft.WriteID(0)
	for _, w := range d.pending[:n] {
		if err := d.synced.do(w, d.snapshots); err != nil {
			panic("rafttest: a write that was accepted fails: " + err.Error())
		}
		id = w.ID
		if w.Healed {
			d.lost = nil
		}
	}
	d.pending = d.pending[n:]
	maps.DeleteFunc(d.snapshots, func(i raft.Index, _ Snapshot) bool { return i < d.synced.snapshot.Index })
	return id
}

// Crash keeps the oldest keep pending writes and loses the others.
func (d *Disk) Crash(keep int) {
	d.Sync(min(keep, len(d.pending)))
	if mutant.On(mutant.TornWrite) && len(d.pending) > 0 {
		d.tear(d.pending[0])
	}
	d.pending = nil
	d.memory = d.synced.clone()
}

// Rot takes the newest entries of what was synced away from a disk whose node is down,
// at most count and none that a snapshot has. Term and vote stay.
func (d *Disk) Rot(count int) {
	if d.lost == nil {
		whole := d.synced.clone()
		d.lost = &whole
	}
	m := &d.synced
	last := max(m.last()-min(raft.Index(count), m.last()), m.base.index, m.snapshot.Index)
	n := last - m.base.index
	m.entries, m.chain = m.entries[:n:n], m.chain[:n:n]
	for c := len(m.configs); c > 0 && m.configs[c-1].Index > last; c = len(m.configs) {
		m.configs = m.configs[: c-1 : c-1]
	}
	m.state.Commit = min(m.state.Commit, last)
	m.damaged = true
	d.pending, d.memory = nil, m.clone()
}

// Damaged reports whether something rotted that the replica has not got back yet.
func (d *Disk) Damaged() bool { return d.lost != nil }

// held returns the chain value at index of what is synced, or was before it rotted:
// that was acknowledged in good faith, and nobody may be elected without it.
func (d *Disk) held(k *Checker, index raft.Index, want uint64) bool {
	if have, ok := k.at(&d.synced, index); ok && have == want {
		return true
	}
	if d.lost == nil {
		return false
	}
	have, ok := k.at(d.lost, index)
	return ok && have == want
}

// Save keeps the bytes of a snapshot; nothing starts from it before a write has
// published it.
func (d *Disk) Save(s Snapshot) { d.snapshots[s.Meta.Index] = s }

// Snapshot returns the published snapshot; false while there is none.
func (d *Disk) Snapshot() (Snapshot, bool) {
	s, ok := d.snapshots[d.memory.snapshot.Index]
	return s, ok
}

// tear keeps a half of a write that only a planted bug keeps: its hard state.
func (d *Disk) tear(w raft.Write) {
	if w.HardState != nil {
		d.synced.state = *w.HardState
	}
}

// Restored returns what a core starts from after a crash.
func (d *Disk) Restored() raft.Restored {
	s := &d.synced
	r := raft.Restored{
		HardState: s.state, Snapshot: s.snapshot,
		PurgedIndex: s.base.index, PurgedTerm: s.base.term,
		LastIndex: s.last(), Damaged: s.damaged,
	}
	for i, e := range s.entries {
		if i == 0 || e.Term != s.entries[i-1].Term {
			r.TermRuns = append(r.TermRuns, raft.TermRun{First: e.Index, Term: e.Term})
		}
		r.LogBytes += e.Size()
	}
	for _, at := range s.configs {
		if at.Index > s.snapshot.Index {
			r.Configs = append(r.Configs, at)
		}
	}
	return r
}

// Entries returns entries [lo, hi) as a reader sees them, pending ones included;
// none when some of them are purged.
func (d *Disk) Entries(lo, hi raft.Index) []raft.Entry {
	m := &d.memory
	hi = min(hi, m.last()+1)
	if lo <= m.base.index || lo >= hi {
		return nil
	}
	from, to := lo-m.base.index-1, hi-m.base.index-1
	return m.entries[from:to:to]
}
