package offline

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// Plan is what a recovery after the loss of a quorum would do to a data directory.
type Plan struct {
	Dir     string        `json:"dir"`
	Cluster string        `json:"cluster"`
	Node    client.NodeID `json:"node"`
	// Life is the one that the node would go on with.
	Life   uint64      `json:"life"`
	Groups []PlanGroup `json:"groups"`
	// Lost is, in words, what damage takes away of directories with Source.CutDamage.
	Lost []string `json:"lost,omitempty"`

	self      raft.NodeID
	options   storage.Options // of the directory's own store
	survivors []survivor
}

// PlanGroup is what a recovery would do to a group.
type PlanGroup struct {
	Group client.GroupID `json:"group"`
	// Configuration is who votes by now, in words.
	Configuration string `json:"configuration"`
	// Term, Last, LastTerm and Commit are those of the directory's own log; Last 0 when it
	// has none.
	Term     uint64 `json:"term"`
	Last     uint64 `json:"last_index"`
	LastTerm uint64 `json:"last_term"`
	Commit   uint64 `json:"commit_index"`
	// Others are the logs of the other directories.
	Others []PlanLog `json:"others"`
	// From is the directory whose log goes further, of which Entries are taken; "" when none
	// does. Snapshot is the index of its snapshot that is taken before them, where its log does
	// not go back to where the own one ends; 0 where it does. Dropped is how many entries of
	// the own log contradict it: no quorum ever had them.
	From     string `json:"from,omitempty"`
	Snapshot uint64 `json:"snapshot,omitempty"`
	Entries  uint64 `json:"entries,omitempty"`
	Dropped  uint64 `json:"dropped,omitempty"`

	after raft.Index // which both have, or the snapshot has
	best  int        // of survivors; 0 is the directory itself
}

// PlanLog is another directory's log of a group.
type PlanLog struct {
	Dir      string        `json:"dir"`
	Node     client.NodeID `json:"node"`
	Last     uint64        `json:"last_index"`
	LastTerm uint64        `json:"last_term"`
	Commit   uint64        `json:"commit_index"`
}

// Source is a data directory and how its store is opened.
type Source struct {
	Dir     string
	Options storage.Options
	// CutDamage goes on with what is sound of it when it is damaged: of each log what is in
	// front of the damage, or behind a snapshot that is behind the damage. Not for the
	// directory that is recovered: that one is not mended, but a new one made of it.
	CutDamage bool
}

// At is a directory on the disks of this machine.
func At(dir string) Source { return Source{Dir: dir} }

// survivor is a directory that is open for reading, with its logs.
type survivor struct {
	dir         string
	identity    storage.Identity
	description string
	reader      *storage.Inspector // nil: the directory is still to be made
	logs        map[raft.GroupID]storage.LogOverview
}

// PlanRecovery looks at a data directory and at those of other survivors, and changes
// nothing. Of each group the log that ends with the highest term, and of those the longest,
// is the one that has everything that was acknowledged and that any of them has. When one of
// the others has CutDamage own may be a directory that is not there yet: then it becomes that
// of the first other's node. The caller closes the plan. The error is a *client.Problem.
func PlanRecovery(own Source, others ...Source) (*Plan, error) {
	p := &Plan{Dir: own.Dir, options: own.Options}
	if p.mayBeNew(own, others) {
		p.survivors = append(p.survivors, survivor{dir: own.Dir})
	} else if err := p.open(own); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	for _, from := range others {
		if err := p.open(from); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	is := p.survivors[0].identity
	p.self, p.Cluster, p.Node, p.Life = is.Node, is.Cluster, client.NodeID(is.Node), uint64(is.Incarnation)+1
	if err := p.compare(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close gives the directories free.
func (p *Plan) Close() error {
	var errs []error
	for _, s := range p.survivors {
		if s.reader != nil {
			errs = append(errs, s.reader.Close())
		}
	}
	p.survivors = nil
	return errors.Join(errs...)
}

// open reads a directory's logs. One with any damage is not gone on with, unless what is
// behind it is to be cut.
func (p *Plan) open(from Source) error {
	path := from.Dir
	reader, err := storage.Inspect(path, from.Options)
	if errors.Is(err, storage.ErrDamaged) {
		return p.damaged(path, err)
	}
	if err != nil {
		return problem(path, err)
	}
	s := survivor{dir: path, reader: reader, logs: map[raft.GroupID]storage.LogOverview{}}
	p.survivors = append(p.survivors, s)
	all := reader.Overview()
	damage := slices.Clone(all.Damage)
	for _, g := range all.Groups {
		l, err := reader.Log(g)
		if err != nil {
			return problem(path, err)
		}
		if l.Damage != nil {
			damage = append(damage, l.Damage)
			if l, err = sound(reader, l); err != nil {
				return problem(path, err)
			}
		}
		s.logs[g] = l
	}
	s.identity, s.description = all.Identity, all.Description
	p.survivors[len(p.survivors)-1] = s
	if own := &p.survivors[0]; own.reader == nil && own.identity.Node == 0 {
		own.identity, own.description = s.identity, s.description
	}
	first := p.survivors[0].identity
	cut := from.CutDamage && path != p.Dir && all.Identity.Node != 0 && len(s.logs) > 0
	if cut {
		p.lose(s, damage)
	}
	switch {
	case len(damage) > 0 && !cut:
		return p.damaged(path, errors.Join(damage...))
	case all.Identity.Node == 0 || len(s.logs) == 0:
		return client.NewProblem(client.CodeDataDirForeign, "%s was never a node's that took part in a cluster", path)
	case all.Identity.Cluster != first.Cluster || p.survivors[0].reader != nil && len(p.survivors) > 1 && all.Identity.Node == first.Node:
		return client.NewProblem(client.CodeDataDirForeign, "%s is that of %v, %s that of %v", path, all.Identity, p.survivors[0].dir, first)
	}
	return nil
}

// damaged refuses a directory. Why it is not mended: what a quorum has acknowledged may be
// what is damaged, and nobody is left who could tell.
func (p *Plan) damaged(path string, cause error) error {
	refused := client.NewProblem(client.CodeChecksFailed, "%s is damaged, nothing was changed: %v", path, cause).WithCause(cause)
	if path != p.Dir {
		return refused.WithHint("Leave it out of --also; what only it has is lost then. Or give --cut-damage: what is sound of it is gone on with. Its sound entries are shown by: wraftd log show --data-dir %s", path)
	}
	return refused.WithHint("Recover on the directory of another survivor, without this one. If there is none, restore a backup into a new cluster (wraftd backup restore), or have a new directory "+
		"made of what is sound in this one, and see first what is lost by that: wraftd recover --data-dir NEW --also %s --cut-damage --dry-run", path)
}

// compare finds for each group who has the log that goes furthest.
func (p *Plan) compare() error {
	known := map[raft.GroupID]bool{}
	for _, s := range p.survivors {
		for g := range s.logs {
			known[g] = true
		}
	}
	for _, id := range sortedGroups(known) {
		g, err := p.compareGroup(id)
		if err != nil {
			return err
		}
		p.Groups = append(p.Groups, g)
	}
	return nil
}

func sortedGroups[V any](set map[raft.GroupID]V) []raft.GroupID {
	return slices.Sorted(maps.Keys(set))
}

func (p *Plan) compareGroup(id raft.GroupID) (PlanGroup, error) {
	own, here := p.survivors[0].logs[id]
	out := PlanGroup{
		Group: client.GroupID(id), Term: uint64(own.HardState.Term), Last: uint64(own.Last), LastTerm: uint64(lastTerm(own)),
		Commit: uint64(own.HardState.Commit), Others: []PlanLog{},
	}
	best := own
	for i, s := range p.survivors[1:] {
		l, ok := s.logs[id]
		if !ok {
			continue
		}
		out.Others = append(out.Others, PlanLog{Dir: s.dir, Node: client.NodeID(s.identity.Node), Last: uint64(l.Last), LastTerm: uint64(lastTerm(l)), Commit: uint64(l.HardState.Commit)})
		if !here && out.best == 0 || lastTerm(l) > lastTerm(best) || lastTerm(l) == lastTerm(best) && l.Last > best.Last {
			best, out.best, out.From = l, i+1, s.dir
		}
	}
	out.Configuration = describe(best).Configuration
	if out.best == 0 {
		return out, nil
	}
	after, ok := common(own, best)
	if !ok && best.Snapshot.Index > own.HardState.Commit { // what is committed here is in it
		after, ok, out.Snapshot = best.Snapshot.Index, true, uint64(best.Snapshot.Index)
		if err := p.survivors[out.best].verify(id, best.Snapshot.Index); err != nil {
			return out, err
		}
	}
	if !ok || after < own.HardState.Commit {
		return out, client.NewProblem(client.CodeDataDirForeign, "group %v: the log of %s goes further and does not join up with that of %s, which ends at %d", id, out.From, p.Dir, own.Last).
			WithHint("Recover on %s, and give this directory with --also.", out.From)
	}
	out.after, out.Entries, out.Dropped = after, uint64(best.Last-after), uint64(max(own.Last, after)-after)
	return out, nil
}

// lastTerm is the term of a log's last entry, or of what it begins with.
func lastTerm(l storage.LogOverview) raft.Term {
	if n := len(l.TermRuns); n > 0 {
		return l.TermRuns[n-1].Term
	}
	return l.Snapshot.Term
}

// termAt is the term of an entry, if the log tells.
func termAt(l storage.LogOverview, i raft.Index) (t raft.Term, ok bool) {
	switch {
	case i == 0:
		return 0, l.Purged == 0
	case i == l.Snapshot.Index:
		return l.Snapshot.Term, true
	case i <= l.Purged || i > l.Last:
		return 0, false
	}
	for _, r := range l.TermRuns {
		if r.First <= i {
			t, ok = r.Term, true
		}
	}
	return t, ok
}

// common is the last entry that two logs share.
func common(a, b storage.LogOverview) (raft.Index, bool) {
	for i := min(a.Last, b.Last); ; i-- {
		ta, inA := termAt(a, i)
		tb, inB := termAt(b, i)
		switch {
		case inA && inB && ta == tb:
			return i, true
		case i == 0 || i < a.Purged || i < b.Purged:
			return 0, false
		}
	}
}

// takeBytes is how much of another log is written at a time.
const takeBytes = 4 << 20

// Recover does what the plan says: the logs get what other directories have besides, in
// every group this node alone votes from now on, the meta group is told of it, and the node begins
// its next life. Whatever breaks it off, planning and doing it again completes it. It closes
// the plan.
func (p *Plan) Recover(now time.Time) (err error) {
	own := p.survivors[0]
	if own.reader != nil {
		if err := own.reader.Close(); err != nil {
			return problem(p.Dir, err)
		}
	}
	p.survivors = p.survivors[1:]
	defer func() { err = errors.Join(err, p.Close()) }()
	store, err := storage.Open(p.Dir, p.options)
	if err != nil {
		return problem(p.Dir, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if own.reader == nil {
		if err := store.Bootstrap(own.identity, own.description); err != nil {
			return problem(p.Dir, err)
		}
	}
	if err := p.takeModules(store); err != nil {
		return problem(p.Dir, err)
	}
	var taken []node.TakenLog
	for _, g := range p.Groups {
		t, err := p.take(store, own.logs, g)
		if err != nil {
			return problem(p.Dir, err)
		}
		if t.From != 0 {
			taken = append(taken, t)
		}
	}
	at, err := p.goAlone(store, taken, now)
	if err != nil {
		return problem(p.Dir, err)
	}
	if err := store.Recover(raft.Incarnation(p.Life), at); err != nil {
		return problem(p.Dir, err)
	}
	return nil
}

// takeModules copies what modules the other directories have besides. Why before the logs:
// entries that are taken name modules, and there is nobody left to ask for them. A rotten one
// is left out; another directory may have it whole.
func (p *Plan) takeModules(store *storage.Store) error {
	for _, s := range p.survivors {
		from := s.reader.Modules()
		digests, err := from.List()
		if err != nil {
			return err
		}
		for _, d := range digests {
			if store.Modules().Has(d) {
				continue
			}
			module, err := from.Read(d)
			if errors.Is(err, storage.ErrDamaged) {
				continue
			}
			if err == nil {
				err = store.Modules().Put(d, bytes.NewReader(module), int64(len(module)))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// take brings a log as far as the furthest is, as its leader would have. The state in between
// is one that a follower may crash in.
func (p *Plan) take(store *storage.Store, own map[raft.GroupID]storage.LogOverview, g PlanGroup) (node.TakenLog, error) {
	id := raft.GroupID(g.Group)
	if g.best == 0 {
		_, err := store.Restore(id)
		return node.TakenLog{}, err
	}
	from := p.survivors[g.best-1]
	best := from.logs[id]
	if _, here := own[id]; !here {
		if err := store.CreateGroup(id, best.Created); err != nil {
			return node.TakenLog{}, err
		}
	}
	r, err := store.Restore(id)
	if err != nil {
		return node.TakenLog{}, err
	}
	hs := r.HardState
	if term := max(best.HardState.Term, lastTerm(best)); term > hs.Term { // Why both: a hard state may be damaged
		hs.Term, hs.Vote = term, 0
	}
	w := raft.Write{HardState: &hs, Sync: true, Truncate: r.LastIndex > g.after, TruncateAfter: g.after}
	if g.Snapshot != 0 {
		if err := from.copySnapshot(store, id, best.Snapshot.Index); err != nil {
			return node.TakenLog{}, err
		}
		hs.Commit = max(hs.Commit, best.Snapshot.Index)
		w = raft.Write{HardState: &hs, Sync: true, Snapshot: &best.Snapshot, Reset: true}
	}
	size, last := uint64(0), g.after
	flush := func() error {
		err := store.Commit([]storage.GroupWrite{{Group: id, Write: w}})
		w, size = raft.Write{Sync: true}, 0
		return err
	}
	err = from.reader.Entries(id, g.after+1, best.Last+1, func(e raft.Entry) error {
		e.Data = slices.Clone(e.Data)
		w.Entries, last = append(w.Entries, e), e.Index
		if size += e.Size(); size >= takeBytes {
			return flush()
		}
		return nil
	})
	if last == best.Last && errors.Is(err, storage.ErrDamaged) { // what is damaged is behind it
		err = nil
	}
	return node.TakenLog{Group: id, From: from.identity.Node, Entries: g.Entries}, errors.Join(err, flush())
}

// goAlone makes this node the only voter of every group, in one write, and returns the
// index of the entry that tells of it.
func (p *Plan) goAlone(store *storage.Store, taken []node.TakenLog, now time.Time) (at raft.Index, err error) {
	life := raft.Incarnation(p.Life)
	alone := raft.Configuration{Voters: []raft.Member{{Node: p.self, Incarnation: life}}}.Encode()
	var ids []raft.GroupID
	for _, g := range p.Groups {
		ids = append(ids, raft.GroupID(g.Group))
	}
	var writes []storage.GroupWrite
	for _, id := range ids {
		r, err := store.Restore(id)
		if err != nil {
			return 0, err
		}
		hs := raft.HardState{Term: r.HardState.Term + 1, Commit: r.HardState.Commit}
		entries := []raft.Entry{{Index: r.LastIndex + 1, Term: hs.Term, Type: raft.EntryConfig, Data: alone}}
		if id == node.MetaGroup {
			at = r.LastIndex + 2
			data, err := node.RecoverEntry(node.Recovery{Node: p.self, Life: life, At: now.UnixNano(), Taken: taken}, ids)
			if err != nil {
				return 0, err
			}
			entries = append(entries, raft.Entry{Index: at, Term: hs.Term, Type: raft.EntryCommand, Data: data})
		}
		writes = append(writes, storage.GroupWrite{Group: id, Write: raft.Write{HardState: &hs, Entries: entries, Sync: true}})
	}
	if at == 0 {
		return 0, fmt.Errorf("offline: %s has no log of the meta group", p.Dir)
	}
	return at, store.Commit(writes)
}
