package nodetest

import (
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// Bug is planted in a simulated cluster, which has to notice it.
type Bug uint8

// The bugs.
const (
	NoBug Bug = iota
	// BugSameLife: a node that lost its disk comes back in the life that it had.
	BugSameLife
	// BugFirstLifeAgain: a node with an empty disk asks nobody, and begins its first life.
	BugFirstLifeAgain
)

// emptied is the life that a disk says it is in behind a wipe; was is the one before.
func (s *Sim) emptied(was raft.Incarnation) raft.Incarnation {
	if s.cfg.Plant == BugSameLife {
		return was
	}
	return 0
}

// asks is the configuration of a birth as the node goes by it.
func (s *Sim) asks(c node.BirthConfig) node.BirthConfig {
	if s.cfg.Plant == BugFirstLifeAgain {
		c.Others = nil
	}
	return c
}
