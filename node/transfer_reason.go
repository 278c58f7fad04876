package node

import (
	"fmt"
	"sync/atomic"

	"github.com/wraft/wraft/raft"
)

// TransferReason says why a leader hands its leadership over.
type TransferReason string

// The reasons, as in metrics and logs.
const (
	// TransferAsked: somebody asked for it.
	TransferAsked TransferReason = "asked"
	// TransferPreferred: the other voter is in a region that is preferred.
	TransferPreferred TransferReason = "preferred"
	// TransferCommands: most commands come from the other voter's region.
	TransferCommands TransferReason = "commands"
	// TransferLeaving: the leader is to vote no more.
	TransferLeaving TransferReason = "leaving"
	// TransferState: the state of the leader's machine is wrong, or it does not run.
	TransferState TransferReason = "state"
	// TransferDisk: the leader's disk has stalled or is full.
	TransferDisk TransferReason = "disk"
)

// TransferReasons lists all of them.
func TransferReasons() []TransferReason {
	return []TransferReason{TransferAsked, TransferPreferred, TransferCommands, TransferLeaving, TransferState, TransferDisk}
}

// GroupTransfer is a transfer that a leader has begun.
type GroupTransfer struct {
	Group  raft.GroupID
	To     raft.NodeID
	Reason TransferReason
}

// TransferTo begins to hand the leadership of a group to a voter, or with 0 to the fittest,
// for a reason; see raft.Core.TransferTo.
func (s *Shard) TransferTo(g raft.GroupID, to raft.NodeID, why TransferReason) error {
	r := s.replicas[g]
	if r == nil {
		return &raft.NotLeaderError{}
	}
	s.settle(r)
	defer s.touch(r)
	if err := r.core.TransferTo(to); err != nil {
		return fmt.Errorf("node: hand over %v: %w", g, err)
	}
	r.transfer = why
	return nil
}

// transferMeter counts the transfers that this node has begun, since the start of the
// process. The map is never changed.
type transferMeter map[TransferReason]*atomic.Uint64

func newTransferMeter() transferMeter {
	m := transferMeter{}
	for _, why := range TransferReasons() {
		m[why] = new(atomic.Uint64)
	}
	return m
}

// transferred notes a transfer.
func (n *Node) transferred(t GroupTransfer) {
	n.transfers[t.Reason].Add(1)
	n.log.Info("handing leadership over", "group", t.Group, "peer", uint64(t.To), "reason", string(t.Reason))
}

// LeaderTransfers says how many transfers of leadership this node has begun, by reason.
func (n *Node) LeaderTransfers() map[TransferReason]uint64 {
	out := map[TransferReason]uint64{}
	for why, count := range n.transfers {
		out[why] = count.Load()
	}
	return out
}
