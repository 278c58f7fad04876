package nodetest

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"pgregory.net/rapid"
)

// pair is the store in memory and the real one, given the same calls.
type pair struct {
	t    *rapid.T
	mem  *MemStore
	real *storage.Store
	fs   *vfs.MemFS
}

const pairDir = "data"

func (p *pair) open(fs *vfs.MemFS) {
	s, err := storage.Open(pairDir, storage.Options{FS: fs, MemTableBytes: 256 << 10, Fatal: func(err error) {
		p.t.Errorf("Fatal was called: %v", err)
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.fs, p.real = fs, s
}

// same checks that both answered alike; empty and missing slices are alike.
func (p *pair) same(call string, mem, real any, memErr, realErr error) {
	p.t.Helper()
	if (memErr == nil) != (realErr == nil) || memErr == nil && fmt.Sprintf("%+v", mem) != fmt.Sprintf("%+v", real) {
		p.t.Fatalf("%s: in memory %+v, %v; on disk %+v, %v", call, mem, memErr, real, realErr)
	}
}

func (p *pair) compare() {
	p.t.Helper()
	mem, memErr := p.mem.Groups()
	real, realErr := p.real.Groups()
	p.same("Groups", mem, real, memErr, realErr)
	for _, g := range append(mem, 99) {
		mem, memErr := p.mem.Restore(g)
		real, realErr := p.real.Restore(g)
		p.same(fmt.Sprintf("Restore(%d)", g), mem, real, memErr, realErr)
		for _, c := range []struct {
			lo, hi raft.Index
			bytes  uint64
		}{{1, mem.LastIndex + 1, 1 << 30}, {mem.PurgedIndex + 1, mem.LastIndex + 1, 1 << 30}, {2, 4, 0}, {3, 50, 100}, {mem.LastIndex, mem.LastIndex + 3, 1}, {0, 1, 1}, {5, 5, 1}} {
			mem, memErr := p.mem.Entries(g, c.lo, c.hi, c.bytes)
			real, realErr := p.real.Entries(g, c.lo, c.hi, c.bytes)
			p.same(fmt.Sprintf("Entries(%d, %+v)", g, c), mem, real, memErr, realErr)
		}
	}
}

// draw makes up a write for a group as a core might.
func (p *pair) draw(g raft.GroupID, sync bool) storage.GroupWrite {
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(p.t, "pick") }
	l := p.mem.visible[g]
	hs, last, term := l.hardState, l.last(), l.lastTerm()
	hs.Commit = max(hs.Commit, l.base.Index)
	w := raft.Write{Sync: sync}
	if last > hs.Commit && pick(3) == 0 {
		w.Truncate, w.TruncateAfter = true, hs.Commit+raft.Index(pick(int(last-hs.Commit)+1))
		last = w.TruncateAfter
	}
	if n := pick(3); n > 0 || hs.Term == 0 {
		hs.Term, hs.Vote = hs.Term+1, raft.NodeID(n)
	}
	switch meta := testMeta; {
	case !w.Truncate && pick(5) == 0:
		hs.Term, hs.Vote, hs.Commit = hs.Term+1, 0, last+1+raft.Index(pick(3))
		meta.Index, meta.Term, last, term = hs.Commit, hs.Term, hs.Commit, hs.Term
		w.Snapshot, w.Reset = &meta, true
	case l.hardState.Commit > l.snapshot.Index && pick(3) == 0:
		meta.Index, meta.ConfigIndex = l.hardState.Commit, 1
		meta.Term = l.term(meta.Index)
		w.Snapshot = &meta
		w.CompactTo = l.purged + 1 + raft.Index(pick(int(meta.Index-l.purged)))
	}
	if pick(4) > 0 || w.Truncate {
		term = hs.Term // behind a cut the old last term is unknown here
		for range pick(5) {
			last++
			w.Entries = append(w.Entries, raft.Entry{Index: last, Term: term, Type: raft.EntryCommand,
				Data: []byte(fmt.Sprint(g, last, term))})
		}
	}
	hs.Commit += raft.Index(pick(int(last-hs.Commit) + 1))
	w.HardState = &hs
	return storage.GroupWrite{Group: g, Write: w}
}

func (p *pair) commit(sync bool) {
	groups, err := p.mem.Groups()
	if err != nil || len(groups) == 0 {
		return
	}
	g := rapid.SampledFrom(groups).Draw(p.t, "group")
	ws := []storage.GroupWrite{p.draw(g, sync)}
	memErr := p.mem.Commit(ws)
	p.same("Commit", nil, nil, memErr, p.real.Commit(ws))
}

// TestMemStoreIsLikeTheRealOne gives both stores the same life. Before a crash
// everything is synced: what else survives is chance on the real one, and tested
// elsewhere.
func TestMemStoreIsLikeTheRealOne(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := &pair{t: r, mem: NewMemStore()}
		p.open(vfs.NewCrashableMem())
		defer func() { _ = p.real.Close() }()
		r.Repeat(map[string]func(*rapid.T){
			"create": func(*rapid.T) {
				g := raft.GroupID(rapid.IntRange(0, 3).Draw(r, "group"))
				meta := testMeta
				meta.Index = raft.Index(rapid.IntRange(0, 1).Draw(r, "base"))
				memErr := p.mem.CreateGroup(g, meta)
				p.same("CreateGroup", nil, nil, memErr, p.real.CreateGroup(g, meta))
			},
			"commit":   func(*rapid.T) { p.commit(true) },
			"unsynced": func(*rapid.T) { p.commit(false) },
			"crash": func(*rapid.T) {
				p.commit(true)
				clone := p.fs.CrashClone(vfs.CrashCloneCfg{})
				_ = p.real.Close()
				p.open(clone)
				p.mem = p.mem.Crash(false)
			},
			"": func(*rapid.T) { p.compare() },
		})
	})
}
