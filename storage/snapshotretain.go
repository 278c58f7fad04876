package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/wraft/wraft/raft"
)

// Retain removes the files of a group that none of keep needs: those that are older
// than the newest of keep, are not among keep and are not what one of them rests on;
// and of what was received in part or put away whatever is older. What is being received
// stays. It returns what it removed. A crash may bring some back.
//
// A damaged chain keeps what can be read of it.
func (s *Snapshots) Retain(g raft.GroupID, keep ...SnapshotFile) ([]SnapshotFile, error) {
	if len(keep) == 0 {
		return nil, nil
	}
	newest := slices.MaxFunc(keep, func(a, b SnapshotFile) int { return cmp.Compare(a.Index, b.Index) }).Index
	needed := map[Digest]bool{}
	for _, file := range keep {
		needed[file.Digest] = true
		chain, err := s.Chain(file)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrSnapshotMissing) {
			return nil, err
		}
		for _, f := range chain {
			needed[f.Digest] = true
		}
	}
	var removed []SnapshotFile
	for _, suffix := range []string{snapshotSuffix, partSuffix, damagedSuffix} {
		files, err := s.list(g, suffix)
		if err != nil {
			return removed, err
		}
		slices.Reverse(files) // Why: increments go before what they rest on, so that a crash leaves no broken chain
		for _, f := range files {
			if f.Index > newest || suffix != damagedSuffix && needed[f.Digest] || suffix == damagedSuffix && f.Index == newest {
				continue
			}
			gone, err := s.removeUnlessReceiving(f, suffix)
			if err != nil {
				return removed, err
			}
			if gone {
				removed = append(removed, f)
			}
		}
	}
	return removed, nil
}

// Remove deletes a snapshot file; one that is not stored is already deleted.
func (s *Snapshots) Remove(f SnapshotFile) error { return s.remove(f, snapshotSuffix) }

// removeUnlessReceiving reports whether the file is gone. Why not what is received: it would have no
// name to lose when it is complete, and whoever gives it one takes that for a broken disk.
func (s *Snapshots) removeUnlessReceiving(f SnapshotFile, suffix string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.receiving[s.pathAs(f, suffix)] {
		return false, nil
	}
	return true, s.remove(f, suffix)
}

func (s *Snapshots) remove(f SnapshotFile, suffix string) error {
	err := s.store.dir.fs.Remove(s.pathAs(f, suffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: remove snapshot of group %d at %d: %w", f.Group, f.Index, err)
	}
	return nil
}

// Groups returns the groups of which there are files, of any kind, ascending.
func (s *Snapshots) Groups() ([]raft.GroupID, error) {
	names, err := s.store.dir.fs.List(s.root)
	if err != nil {
		return nil, fmt.Errorf("storage: list %s: %w", snapshotsName, err)
	}
	var out []raft.GroupID
	for _, name := range names {
		if id, err := strconv.ParseUint(name, 10, 64); err == nil && id != 0 {
			out = append(out, raft.GroupID(id))
		}
	}
	slices.Sort(out)
	return out, nil
}

// RemoveGroup deletes everything there is of a group: snapshots, what was received in
// part, what was put away. Nobody may be writing for the group. A crash may leave, or
// bring back, any part of it; then Groups still has it.
func (s *Snapshots) RemoveGroup(g raft.GroupID) error {
	if err := s.store.usable(); err != nil {
		return err
	}
	if err := s.store.dir.fs.RemoveAll(s.folder(g)); err != nil {
		return fmt.Errorf("storage: remove snapshots of group %d: %w", g, err)
	}
	if err := syncDirectory(s.store.dir.fs, s.root); err != nil {
		return fmt.Errorf("storage: remove snapshots of group %d: %w", g, err)
	}
	return nil
}
