package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// mayBeNew reports whether the directory that is recovered is to be made: it is none yet, and
// there is a damaged one that may be cut.
func (p *Plan) mayBeNew(own Source, others []Source) bool {
	if !slices.ContainsFunc(others, func(o Source) bool { return o.CutDamage }) {
		return false
	}
	reader, err := storage.Inspect(own.Dir, own.Options)
	if err == nil {
		_ = reader.Close() // it is opened again, and what is wrong then is told
	}
	return errors.Is(err, fs.ErrNotExist)
}

// sound is what can be gone on with of a damaged log: what is in front of the damage; or,
// when the newest snapshot is behind that, what follows on the snapshot.
func sound(reader *storage.Inspector, l storage.LogOverview) (storage.LogOverview, error) {
	if l.Last < l.Snapshot.Index {
		at := l.Snapshot
		l.Purged, l.Last, l.Entries, l.Bytes, l.TermRuns, l.Configurations = at.Index, at.Index, 0, 0, nil, nil
		err := reader.Entries(l.Group, at.Index+1, ^raft.Index(0), func(e raft.Entry) error {
			if lastTerm(l) != e.Term || len(l.TermRuns) == 0 {
				l.TermRuns = append(l.TermRuns, raft.TermRun{First: e.Index, Term: e.Term})
			}
			l.Last, l.Entries, l.Bytes = e.Index, l.Entries+1, l.Bytes+e.Size()
			return nil
		})
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return l, err
		}
	}
	return l, nil
}

// lose notes what damage takes away of a directory, and makes of its logs what is left.
func (p *Plan) lose(s survivor, damage []error) {
	for _, err := range damage {
		p.Lost = append(p.Lost, fmt.Sprintf("%s: %v", s.dir, err))
	}
	for _, g := range sortedGroups(s.logs) {
		l := s.logs[g]
		if l.Damage == nil {
			continue
		}
		said := fmt.Sprintf("%s: group %d: it is gone on with up to entry %d, and what followed is lost", s.dir, g, l.Last)
		if l.HardState.Commit > l.Last {
			said += fmt.Sprintf(", committed ones up to %d among it", l.HardState.Commit)
		}
		p.Lost = append(p.Lost, said)
		l.HardState.Commit = min(l.HardState.Commit, l.Last)
		s.logs[g] = l
	}
}
