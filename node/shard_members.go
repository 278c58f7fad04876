package node

import (
	"errors"
	"time"

	"github.com/wraft/wraft/raft"
)

// ErrUnsafeChange: too few of the voters that would be left are heard. Retry when more
// of them answer.
var ErrUnsafeChange = errors.New("node: too few of the voters that would be left are heard")

// GroupChange is the answer to ChangeSeats; Err is nil once the change is committed.
type GroupChange struct {
	Group raft.GroupID
	Err   error
}

// ChangeSeats asks a group's core for one change of its configuration, which must be the
// one at expected. A change that is under way already goes unanswered when another one is
// asked for. heard is within which time a voter must have answered to count as there.
func (s *Shard) ChangeSeats(g raft.GroupID, expected raft.Index, ch raft.Change, heard time.Duration) {
	r := s.replicas[g]
	if r == nil {
		s.changes = append(s.changes, GroupChange{Group: g, Err: &raft.NotLeaderError{}})
		return
	}
	s.settle(r)
	s.touch(r)
	if st := r.core.Status(); st.Role == raft.Leader && !leavesQuorum(st, ch, s.now-heard) {
		s.changes = append(s.changes, GroupChange{Group: g, Err: ErrUnsafeChange})
		return
	}
	r.lastBatch++
	r.change = r.lastBatch
	r.core.ChangeConfig(raft.ChangeRequest{ID: r.change, Expected: expected, Changes: []raft.Change{ch}})
}

// HandOver is StepAside with an answer, that of a change: nil says that another node is
// told to lead.
func (s *Shard) HandOver(g raft.GroupID) {
	err := s.TransferTo(g, 0, TransferLeaving)
	if err == nil {
		err = raft.ErrTransferring // Why: it is done once this node does not lead any more
	}
	s.changes = append(s.changes, GroupChange{Group: g, Err: err})
}

// leavesQuorum reports whether a majority of the voters that a change leaves was heard
// since a moment, for a change that takes a vote away.
func leavesQuorum(st raft.Status, ch raft.Change, since time.Duration) bool {
	if ch.Kind != raft.Remove && ch.Kind != raft.Demote || !st.Configuration.Configuration.IsVoter(ch.Node) {
		return true
	}
	left, there := 0, 0
	for _, v := range st.Configuration.Configuration.Voters {
		if v.Node == ch.Node {
			continue
		}
		left++
		if v.Node == st.ID {
			there++
		}
		for _, f := range st.Followers {
			if f.ID == v.Node && f.Heard >= since && !f.Damaged {
				there++
			}
		}
	}
	return there > left/2
}

// changed takes the results of configuration changes out of a core's answers.
func (r *replica) changed(res raft.ProposalResult, out *ShardEffects) bool {
	if r.change == 0 || res.ID != r.change {
		return false
	}
	r.change = 0
	err := res.Err
	if err == nil && res.Outcome != raft.OutcomeCommitted {
		err = raft.ErrLeadershipLost
	}
	out.Changes = append(out.Changes, GroupChange{Group: r.group, Err: err})
	return true
}
