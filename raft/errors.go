package raft

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft/confchange"
)

var (
	// ErrNotLeader: this replica does not lead. Go to the leader; see NotLeaderError.
	ErrNotLeader = errors.New("raft: not the leader")
	// ErrLeadershipLost: the replica stopped leading before the answer was certain. Retry at the new leader.
	ErrLeadershipLost = errors.New("raft: leadership lost")
	// ErrBackpressure: a bound on uncommitted bytes or pending proposals is reached. Retry later.
	ErrBackpressure = errors.New("raft: too much uncommitted data")
	// ErrTooManyReads: the bound on pending reads is reached. Retry later.
	ErrTooManyReads = errors.New("raft: too many pending reads")
	// ErrTooStale: what is known here is older than the read allows, and so is the leader's answer, if
	// there is one. Retry, at the leader or with a greater MaxStaleness.
	ErrTooStale = errors.New("raft: the state known here is too old")
	// ErrBadRead: the mode of a read is unknown, or its MaxStaleness is not positive. Fix the caller.
	ErrBadRead = errors.New("raft: no such read")
	// ErrProposalTooLarge: the proposal alone exceeds the entry limit. Make it smaller.
	ErrProposalTooLarge = errors.New("raft: proposal too large")
	// ErrBadProposal: only commands may be proposed. Fix the caller.
	ErrBadProposal = errors.New("raft: only commands may be proposed")
	// ErrNotReady: the leader's first entry is not committed yet. Retry in a moment.
	ErrNotReady = errors.New("raft: the leader's first entry is not committed yet")
	// ErrConfChanged: another configuration is in force than expected. Look at it and decide anew.
	ErrConfChanged = errors.New("raft: the configuration is not the expected one")
	// ErrChangePending: a change of configuration is under way. Retry when it has ended.
	ErrChangePending = errors.New("raft: a change of configuration is under way")
	// ErrLearnerBehind: the learner is silent or lacks too much of the log. Retry when it has caught up.
	ErrLearnerBehind = errors.New("raft: the learner is too far behind to vote")
	// ErrInvalidChange: the changes make no sense in this configuration. Fix the request.
	ErrInvalidChange = confchange.ErrInvalidChange
	// ErrTransferring: leadership is on its way to another node. Retry, at the new leader.
	ErrTransferring = errors.New("raft: leadership is being transferred")
	// ErrBadTransfer: the target is this node or no voter, its disk has stalled or is full, or its log is damaged. Choose another one.
	ErrBadTransfer = errors.New("raft: leadership can only go to another voter")
	// ErrDiskFailed: a write of this replica failed; it is out of service. Call a human.
	ErrDiskFailed = errors.New("raft: disk failed")
	// ErrDiskFull: the disk of the leader, or those of so many voters that no quorum is left, have no room. Free some; it goes on by itself.
	ErrDiskFull = errors.New("raft: disk full")
	// ErrSnapshotStalled: a transfer made no progress for too long and was given up. It is begun again by itself.
	ErrSnapshotStalled = errors.New("raft: the snapshot's transfer stands still")
	// ErrBadMessage: a peer sent what no correct peer sends. Nothing was changed; drop it and count it.
	ErrBadMessage = errors.New("raft: bad message")
)

// NotLeaderError is ErrNotLeader with the leader, when it is known.
type NotLeaderError struct{ Leader NodeID }

// Error says where to go.
func (e *NotLeaderError) Error() string {
	if e.Leader == 0 {
		return "raft: not the leader: no leader is known"
	}
	return fmt.Sprintf("raft: not the leader: %v leads", e.Leader)
}

// Is makes errors.Is(err, ErrNotLeader) true.
func (e *NotLeaderError) Is(target error) bool { return target == ErrNotLeader }
