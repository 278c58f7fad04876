package storage

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/wraft/wraft/raft"
)

// copies is what the files beside Pebble said when the directory was opened.
type copies struct {
	identity   *bootstrap // nil: the file is missing or rotten
	mark       markSlot
	markWhole  bool
	votes      map[raft.GroupID]vote
	votesWhole bool
}

func readCopies(d directory) (copies, error) {
	var c copies
	var err error
	if c.identity, err = readIdentityFile(d); err != nil && !errors.Is(err, ErrDamaged) {
		return c, err
	}
	if c.mark, c.markWhole, err = readMark(d); err != nil {
		return c, err
	}
	c.votes, c.votesWhole, err = readVotes(d)
	return c, err
}

// canReplace reports whether the copies are enough to go on with an empty store: they
// say who the node is and what it promised. Everything else others have.
func (c *copies) canReplace() bool { return c.identity != nil && c.votesWhole }

// checkFormat is that of the directory. A FORMAT file that rotted, or is gone, is written
// anew when identity and votes are sound.
//
// Why they are enough: both are records of this format, with checksums of their own, and
// another release would have refused the directory by its FORMAT before it touched them.
func (s *Store) checkFormat(log *slog.Logger) error {
	err := s.dir.checkFormat()
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	if c, readErr := readCopies(s.dir); readErr != nil || !c.canReplace() {
		return err
	}
	log.Error("the FORMAT file is damaged, and written anew; look at the disk of the data directory", "err", err)
	return s.dir.write(formatName, []byte(formatText+"\n"))
}

// compare looks whether Pebble holds everything that was acknowledged, and whether
// the copies do. A copy that rotted is made whole from Pebble. When Pebble lost
// something, no replica of the node may be trusted before it was refilled.
func (s *Store) compare(c *copies, log *slog.Logger) error {
	sequence, used, err := s.number(keySequence, "batch number")
	if err != nil {
		return err
	}
	s.sequence = max(sequence, c.mark.sequence)
	whole, err := s.completeVotes(c)
	if err != nil {
		return err
	}
	if used && s.identity != nil && !s.identityStored {
		return &DamagedError{Why: "the store has batches and lacks the node's identity"}
	}
	s.lost = sequence < c.mark.sequence
	if s.lost && !whole {
		return &DamagedError{Why: fmt.Sprintf("the store ends with batch %d, but batch %d was acknowledged, and the second copy of the votes is damaged, too",
			sequence, c.mark.sequence)}
	}
	switch {
	case s.lost:
		log.Error("the store has lost acknowledged writes; this node neither votes nor counts until it got them from others",
			"batch", sequence, "acknowledged", c.mark.sequence)
	case used && !whole:
		log.Warn("a file was not whole; a power loss or rot does that, and it is written anew", "file", votesName)
	case used && !c.markWhole:
		log.Warn("a file was not whole; a power loss or rot does that, and it is written anew", "file", markName)
	}
	return nil
}

// completeVotes puts what Pebble knows of terms and votes into the copy, and reports
// whether that was there.
func (s *Store) completeVotes(c *copies) (whole bool, err error) {
	whole = c.votesWhole
	for id := range s.groups {
		hs, err := s.readHardState(id)
		if err != nil {
			return false, err
		}
		pebble := vote{hs.Term, hs.Vote}
		if v := c.votes[id]; v != pebble && !v.ahead(hs) {
			whole, c.votes[id] = false, pebble
		}
	}
	return whole, nil
}

// setAside gives a damaged Pebble another name, in place of one that was damaged
// earlier: somebody may want to look at it. The next opening begins an empty one.
func (s *Store) setAside() error {
	if s.db != nil {
		_ = guarded(s.db.Close) // it is damaged; nothing was written
		s.db = nil
	}
	s.identity, s.identityStored, s.groups = nil, false, map[raft.GroupID]*group{}
	aside := s.dir.join(pebbleName + asideSuffix)
	err := s.dir.fs.RemoveAll(aside)
	if err == nil {
		err = s.dir.fs.Rename(s.dir.join(pebbleName), aside)
	}
	if err == nil {
		err = syncDirectory(s.dir.fs, s.dir.path)
	}
	if err != nil {
		return fmt.Errorf("storage: set a damaged store aside: %w", err)
	}
	return nil
}
