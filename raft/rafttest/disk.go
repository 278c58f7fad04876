package rafttest

import (
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// Disk holds the durable state of one replica and the writes on their way to it.
// A crash keeps a prefix of those: a disk may have got further than it said.
type Disk struct {
	first   raft.Configuration // of the group's birth
	synced  image
	memory  image // synced with all pending writes done
	pending []raft.Write
}

// image is a replica's state as storage keeps it.
type image struct {
	state   raft.HardState
	entries []raft.Entry // from index 1 on
	chain   []uint64     // chain[i] stands for entries[:i+1], see chainOn
	configs []raft.ConfigAt
}

// NewDisk returns the disk of a fresh replica in configuration first.
func NewDisk(first raft.Configuration) *Disk { return &Disk{first: first} }

// Preload replaces everything on a disk that was never used.
func (d *Disk) Preload(state raft.HardState, entries []raft.Entry) error {
	err := d.synced.do(raft.Write{HardState: &state, Entries: entries})
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
	return d.memory.do(w)
}

// Pending returns how many writes are on their way.
func (d *Disk) Pending() int { return len(d.pending) }

// Sync makes the oldest n pending writes durable and returns the newest's ID; 0
// when there was none.
func (d *Disk) Sync(n int) raft.WriteID {
	id := raft.WriteID(0)
	for _, w := range d.pending[:n] {
		if err := d.synced.do(w); err != nil {
			panic("rafttest: a write that was accepted fails: " + err.Error())
		}
		id = w.ID
	}
	d.pending = d.pending[n:]
	return id
}

// Crash keeps the oldest keep pending writes and loses the others.
func (d *Disk) Crash(keep int) {
	d.Sync(min(keep, len(d.pending)))
	d.pending = nil
	d.memory = d.synced.clone()
}

// Restored returns what a core starts from after a crash.
func (d *Disk) Restored() raft.Restored {
	s := &d.synced
	r := raft.Restored{
		HardState: s.state,
		Snapshot:  raft.SnapshotMeta{Configuration: d.first},
		LastIndex: raft.Index(len(s.entries)),
	}
	term := raft.Term(0)
	for _, e := range s.entries {
		if e.Term != term {
			term = e.Term
			r.TermRuns = append(r.TermRuns, raft.TermRun{First: e.Index, Term: term})
		}
	}
	r.Configs = append(r.Configs, s.configs...)
	return r
}

// Entries returns entries [lo, hi) as a reader sees them, pending ones included.
func (d *Disk) Entries(lo, hi raft.Index) []raft.Entry {
	hi = min(hi, raft.Index(len(d.memory.entries))+1)
	if lo < 1 || lo >= hi {
		return nil
	}
	return d.memory.entries[lo-1 : hi-1 : hi-1]
}

func (m *image) last() raft.Index { return raft.Index(len(m.entries)) }

// at returns the chain value at index: equal values mean equal logs up to there.
func (m *image) at(index raft.Index) (uint64, bool) {
	switch {
	case index == 0:
		return 0, true
	case index > m.last():
		return 0, false
	}
	return m.chain[index-1], true
}

// do performs w, or reports why storage would refuse it.
func (m *image) do(w raft.Write) error {
	if w.Truncate {
		if w.TruncateAfter > m.last() || w.TruncateAfter < m.state.Commit {
			return fmt.Errorf("write %d truncates behind %d, the log has (%d, %d]", w.ID, w.TruncateAfter, m.state.Commit, m.last())
		}
		m.entries = m.entries[:w.TruncateAfter:w.TruncateAfter]
		m.chain = m.chain[:w.TruncateAfter:w.TruncateAfter]
		for n := len(m.configs); n > 0 && m.configs[n-1].Index > w.TruncateAfter; n = len(m.configs) {
			m.configs = m.configs[: n-1 : n-1]
		}
	}
	for _, e := range w.Entries {
		if e.Index != m.last()+1 {
			return fmt.Errorf("write %d has entry %d behind entry %d", w.ID, e.Index, m.last())
		}
		before, _ := m.at(m.last())
		m.entries = append(m.entries, e)
		m.chain = append(m.chain, chainOn(before, e))
		if e.Type != raft.EntryConfig {
			continue
		}
		c, err := confchange.Decode(e.Data)
		if err != nil {
			return fmt.Errorf("write %d: entry %d: %w", w.ID, e.Index, err)
		}
		m.configs = append(m.configs, raft.ConfigAt{Index: e.Index, Configuration: c})
	}
	if w.HardState == nil {
		return nil
	}
	is := *w.HardState
	if is.Term < m.state.Term || is.Commit < m.state.Commit || is.Commit > m.last() {
		return fmt.Errorf("write %d goes from %+v to %+v with a log up to %d", w.ID, m.state, is, m.last())
	}
	if is.Term == m.state.Term && m.state.Vote != 0 && is.Vote != m.state.Vote {
		return fmt.Errorf("write %d changes the vote of term %d from %v to %v", w.ID, is.Term, m.state.Vote, is.Vote)
	}
	m.state = is
	return nil
}

// clone shares the slices' memory for reading; their capacity is cut, so that
// appending to one does not show in the other.
func (m *image) clone() image {
	n, c := len(m.entries), len(m.configs)
	return image{state: m.state, entries: m.entries[:n:n], chain: m.chain[:n:n], configs: m.configs[:c:c]}
}

// chainOn extends a chain value by an entry (FNV-1a over all of it).
func chainOn(before uint64, e raft.Entry) uint64 {
	const prime = 1099511628211
	h := before ^ 14695981039346656037
	for _, v := range [...]uint64{uint64(e.Index), uint64(e.Term), uint64(e.Type)} {
		for range 8 {
			h = (h ^ v&0xff) * prime
			v >>= 8
		}
	}
	for _, b := range e.Data {
		h = (h ^ uint64(b)) * prime
	}
	return h
}
