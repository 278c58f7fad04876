package offline

import (
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// snapshot returns the files that a group's snapshot at an index is made of.
func (s *survivor) snapshot(g raft.GroupID, index raft.Index) ([]storage.SnapshotFile, error) {
	files, err := s.reader.Snapshots().List(g)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Index == index {
			return s.reader.Snapshots().Chain(f)
		}
	}
	return nil, fmt.Errorf("%w: group %d at %d", storage.ErrSnapshotMissing, g, index)
}

// verify reads a snapshot that is to be taken. The error is a *client.Problem.
func (s *survivor) verify(g raft.GroupID, index raft.Index) error {
	chain, err := s.snapshot(g, index)
	for i := 0; i < len(chain) && err == nil; i++ {
		_, err = s.reader.Snapshots().Verify(chain[i])
	}
	if err == nil {
		return nil
	}
	return client.NewProblem(client.CodeChecksFailed, "group %v: the log of %s goes further, but begins behind a snapshot at %d that cannot be taken; nothing was changed: %v", g, s.dir, index, err).
		WithHint("Give the directory of another survivor with --also that has this snapshot, or leave this one out: what only it has is lost then. Its entries are shown by: wraftd log show --data-dir %s", s.dir).
		WithCause(err)
}

// copySnapshot copies the files of a snapshot that are not there yet.
func (s *survivor) copySnapshot(store *storage.Store, g raft.GroupID, index raft.Index) error {
	chain, err := s.snapshot(g, index)
	for i := 0; i < len(chain) && err == nil; i++ {
		if _, here := store.Snapshots().Find(g, chain[i].Digest); here != nil {
			err = s.copyFile(store, chain[i])
		}
	}
	return err
}

func (s *survivor) copyFile(store *storage.Store, file storage.SnapshotFile) error {
	to, err := store.Snapshots().Receive(file)
	if err != nil {
		return err
	}
	defer to.Close()
	from, _, err := s.reader.Snapshots().OpenFile(file)
	if err != nil {
		return err
	}
	if _, err = from.Seek(to.Offset(), io.SeekStart); err == nil {
		_, err = to.ReadFrom(from)
	}
	if err = errors.Join(err, from.Close()); err != nil {
		return err
	}
	_, err = to.Finish()
	return err
}
