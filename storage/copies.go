package storage

import (
	"fmt"
	"log/slog"

	"github.com/wraft/wraft/raft"
)

// copies is what the files beside Pebble said when the directory was opened.
type copies struct {
	mark       markSlot
	markWhole  bool
	votes      map[raft.GroupID]vote
	votesWhole bool
}

func readCopies(d directory) (copies, error) {
	var c copies
	var err error
	if c.mark, c.markWhole, err = readMark(d); err != nil {
		return c, err
	}
	c.votes, c.votesWhole, err = readVotes(d)
	return c, err
}

// compare looks whether Pebble holds everything that was acknowledged, and whether
// the copies do. A copy that rotted is made whole from Pebble.
func (s *Store) compare(c *copies, log *slog.Logger) error {
	sequence, used, err := s.number(keySequence, "batch number")
	if err != nil {
		return err
	}
	if sequence < c.mark.sequence {
		return &DamagedError{Why: fmt.Sprintf("the store ends with batch %d, but batch %d was acknowledged",
			sequence, c.mark.sequence)}
	}
	s.sequence = sequence
	if used && !c.markWhole {
		log.Warn("a slot of the mark was not whole; a power loss or rot does that", "file", markName)
	}
	for id := range s.groups {
		hs, err := s.readHardState(id)
		if err != nil {
			return err
		}
		pebble := vote{hs.Term, hs.Vote}
		if v := c.votes[id]; v == pebble || v.ahead(hs) {
			continue
		}
		c.votesWhole, c.votes[id] = false, pebble
	}
	if used && !c.votesWhole {
		log.Warn("the votes file was not whole; a power loss or rot does that", "file", votesName)
	}
	return nil
}
