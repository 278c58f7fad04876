package rafttest

import (
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// image is a replica's state as storage keeps it.
type image struct {
	state    raft.HardState
	snapshot raft.SnapshotMeta
	base     place           // the last entry purged
	start    uint64          // the chain value there
	entries  []raft.Entry    // from behind base on
	chain    []uint64        // chain[i] stands for the log up to entries[i], see chainOn
	configs  []raft.ConfigAt // of entries, purged ones included unless a snapshot replaced them
	damaged  bool            // entries may be missing that were acknowledged
}

func (m *image) last() raft.Index { return m.base.index + raft.Index(len(m.entries)) }

// at returns the chain value at index: equal values mean equal logs up to there.
// It is not known for what is purged.
func (m *image) at(index raft.Index) (uint64, bool) {
	switch {
	case index == m.base.index:
		return m.start, true
	case index < m.base.index || index > m.last():
		return 0, false
	}
	return m.chain[index-m.base.index-1], true
}

// term returns the term of the entry at index, which must be there or just purged.
func (m *image) term(index raft.Index) raft.Term {
	if index == m.base.index {
		return m.base.term
	}
	return m.entries[index-m.base.index-1].Term
}

// entry returns the entry at index, which must be there.
func (m *image) entry(index raft.Index) raft.Entry { return m.entries[index-m.base.index-1] }

// do performs w, or reports why storage would refuse it. starts are the snapshots
// whose bytes are here.
func (m *image) do(w raft.Write, starts map[raft.Index]Snapshot) error {
	if w.Truncate {
		if err := m.truncate(w); err != nil {
			return err
		}
	}
	if w.Snapshot != nil {
		if err := m.publish(w, starts); err != nil {
			return err
		}
	}
	for _, e := range w.Entries {
		if err := m.append(w, e); err != nil {
			return err
		}
	}
	if w.HardState != nil {
		if err := m.setState(w); err != nil {
			return err
		}
	}
	if m.state.Commit < m.snapshot.Index {
		return fmt.Errorf("write %d publishes a snapshot at %d, only %d is committed", w.ID, m.snapshot.Index, m.state.Commit)
	}
	if w.Healed {
		m.damaged = false
	}
	return m.compact(w)
}

func (m *image) truncate(w raft.Write) error {
	if w.TruncateAfter > m.last() || w.TruncateAfter < m.state.Commit || w.Reset {
		return fmt.Errorf("write %d truncates behind %d, the log has (%d, %d]", w.ID, w.TruncateAfter, m.state.Commit, m.last())
	}
	n := w.TruncateAfter - m.base.index
	m.entries, m.chain = m.entries[:n:n], m.chain[:n:n]
	for n := len(m.configs); n > 0 && m.configs[n-1].Index > w.TruncateAfter; n = len(m.configs) {
		m.configs = m.configs[: n-1 : n-1]
	}
	return nil
}

// publish makes w's snapshot the one to start from, and the log begin anew there
// when it is asked for.
func (m *image) publish(w raft.Write, starts map[raft.Index]Snapshot) error {
	s := *w.Snapshot
	held, here := starts[s.Index]
	if !here || s.Index <= m.snapshot.Index {
		return fmt.Errorf("write %d publishes a snapshot at %d whose bytes are not here, or which is older than that at %d", w.ID, s.Index, m.snapshot.Index)
	}
	if w.Reset {
		m.base, m.start = place{s.Index, s.Term}, held.Chain
		m.entries, m.chain = nil, nil
		m.configs = []raft.ConfigAt{{Index: s.ConfigIndex, Configuration: s.Configuration}}
	} else if chain, ok := m.at(s.Index); !ok || chain != held.Chain || m.term(s.Index) != s.Term {
		return fmt.Errorf("write %d publishes a snapshot of (%d, %d) that is not of this log", w.ID, s.Index, s.Term)
	}
	m.snapshot = s
	return nil
}

func (m *image) append(w raft.Write, e raft.Entry) error {
	if e.Index != m.last()+1 {
		return fmt.Errorf("write %d has entry %d behind entry %d", w.ID, e.Index, m.last())
	}
	before, _ := m.at(m.last())
	m.entries = append(m.entries, e)
	m.chain = append(m.chain, chainOn(before, e))
	if e.Type != raft.EntryConfig {
		return nil
	}
	c, err := confchange.Decode(e.Data)
	if err != nil {
		return fmt.Errorf("write %d: entry %d: %w", w.ID, e.Index, err)
	}
	m.configs = append(m.configs, raft.ConfigAt{Index: e.Index, Configuration: c})
	return nil
}

func (m *image) setState(w raft.Write) error {
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

// compact drops what w allows to.
func (m *image) compact(w raft.Write) error {
	if w.CompactTo == 0 {
		return nil
	}
	if w.CompactTo > m.snapshot.Index || w.CompactTo <= m.base.index {
		return fmt.Errorf("write %d compacts (%d, %d], the snapshot is at %d", w.ID, m.base.index, w.CompactTo, m.snapshot.Index)
	}
	start, _ := m.at(w.CompactTo)
	n := w.CompactTo - m.base.index
	m.base, m.start = place{w.CompactTo, m.term(w.CompactTo)}, start
	m.entries, m.chain = m.entries[n:], m.chain[n:]
	return nil
}

// clone shares the slices' memory for reading; their capacity is cut, so that
// appending to one does not show in the other.
func (m *image) clone() image {
	n, c := len(m.entries), len(m.configs)
	out := *m
	out.entries, out.chain, out.configs = m.entries[:n:n], m.chain[:n:n], m.configs[:c:c]
	return out
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
