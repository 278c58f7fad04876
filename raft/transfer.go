package raft

import (
	"slices"
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// transfer is a leadership transfer under way (Raft thesis §3.10).
type transfer struct {
	to    NodeID        // 0: none
	until time.Duration // it is given up then
}

// TransferTo hands leadership to a voter, or with 0 to the one that is fittest to
// lead: from now on nothing is proposed, the target is brought up to date and told
// to campaign at once. It ends when this node follows, or after one
// ElectionTimeoutMin without success, when proposals are taken again. ErrNotLeader, ErrTransferring, ErrBadTransfer or ErrDiskFailed:
// nothing was begun.
func (c *Core) TransferTo(to NodeID) error {
	switch {
	case c.failed != nil:
		return ErrDiskFailed
	case c.role != Leader:
		return &NotLeaderError{Leader: c.leader}
	case c.transfer.to != 0:
		return ErrTransferring
	}
	if heir := c.heir(); to == 0 && heir != nil {
		to = heir.ID
	}
	switch {
	case !c.mayInherit(to) || c.follower(to).DiskSlow || c.follower(to).DiskFull || c.follower(to).Damaged:
		return ErrBadTransfer
	}
	c.transfer = transfer{to: to, until: c.now + c.cfg.ElectionTimeoutMin}
	c.fx.Events = append(c.fx.Events, TransferBegan{To: to})
	c.urge(to)
	return nil
}

// mayInherit reports whether leadership may go to a node: one that votes now and
// will when a joint configuration ends.
func (c *Core) mayInherit(to NodeID) bool {
	return to != c.cfg.ID && slices.Contains(c.voters.Incoming, to)
}

// urge tells the transfer's target to campaign, once it holds the whole log.
func (c *Core) urge(from NodeID) {
	if c.transfer.to != from || from == 0 {
		return
	}
	if p := c.follower(from); p != nil && (p.Match == c.log.last || mutant.On(mutant.TransferToLagging)) {
		c.tellToCampaign(from)
	}
}

// tickTransfer gives up a transfer that takes too long, and otherwise repeats
// the word to campaign, which may have been lost.
func (c *Core) tickTransfer() {
	switch {
	case c.transfer.to == 0:
	case c.now >= c.transfer.until:
		c.fx.Events = append(c.fx.Events, TransferAborted{To: c.transfer.to})
		c.transfer = transfer{} // the target may still campaign and win
	default:
		c.urge(c.transfer.to)
	}
}
