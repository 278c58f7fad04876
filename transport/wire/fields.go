package wire

import (
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// The functions below list each message's fields with their keys, ascending. Key
// 0 is the group in every frame. Keys are part of the format: one that was used
// is never given another meaning.

func groupField(c *coder, group *raft.GroupID) { number(c, 0, group) }

func appendFields(c *coder, m *raft.Append, entries *uint32) {
	number(c, 1, &m.Term)
	number(c, 2, &m.PrevIndex)
	number(c, 3, &m.PrevTerm)
	number(c, 4, &m.Commit)
	number(c, 5, &m.Round)
	number(c, 6, entries)
}

func appendReplyFields(c *coder, m *raft.AppendReply) {
	number(c, 1, &m.Term)
	boolean(c, 2, &m.Rejected)
	number(c, 3, &m.Match)
	number(c, 4, &m.PrevIndex)
	number(c, 5, &m.HintIndex)
	number(c, 6, &m.HintTerm)
	number(c, 7, &m.Round)
	boolean(c, 8, &m.Promise)
	boolean(c, 9, &m.DiskSlow)
	boolean(c, 10, &m.Damaged)
	boolean(c, 11, &m.DiskFull)
}

func heartbeatFields(c *coder, m *raft.Heartbeat) {
	number(c, 1, &m.Term)
	number(c, 2, &m.Commit)
	number(c, 3, &m.Round)
}

func heartbeatReplyFields(c *coder, m *raft.HeartbeatReply) {
	number(c, 1, &m.Term)
	number(c, 2, &m.Round)
	boolean(c, 3, &m.Promise)
	boolean(c, 4, &m.DiskSlow)
	boolean(c, 5, &m.Damaged)
	boolean(c, 6, &m.DiskFull)
}

func voteFields(c *coder, m *raft.Vote) {
	number(c, 1, &m.Term)
	number(c, 2, &m.LastIndex)
	number(c, 3, &m.LastTerm)
	boolean(c, 4, &m.Transfer)
	number(c, 5, &m.Gone)
	number(c, 6, &m.GoneBoot)
}

func voteReplyFields(c *coder, m *raft.VoteReply) {
	number(c, 1, &m.Term)
	boolean(c, 2, &m.Granted)
	number(c, 3, &m.Reason)
}

func preVoteFields(c *coder, m *raft.PreVote) {
	number(c, 1, &m.Term)
	number(c, 2, &m.LastIndex)
	number(c, 3, &m.LastTerm)
	number(c, 4, &m.Gone)
	number(c, 5, &m.GoneBoot)
}

func preVoteReplyFields(c *coder, m *raft.PreVoteReply) {
	number(c, 1, &m.Term)
	boolean(c, 2, &m.Granted)
	number(c, 3, &m.Reason)
}

func timeoutNowFields(c *coder, m *raft.TimeoutNow) { number(c, 1, &m.Term) }

func readIndexFields(c *coder, m *raft.ReadIndex) {
	number(c, 1, &m.Term)
	number(c, 2, &m.ID)
}

func readIndexReplyFields(c *coder, m *raft.ReadIndexReply) {
	number(c, 1, &m.Term)
	number(c, 2, &m.ID)
	number(c, 3, &m.Index)
	boolean(c, 4, &m.Refused)
	number(c, 5, &m.Last)
}

func installSnapshotFields(c *coder, m *raft.InstallSnapshot) {
	number(c, 1, &m.Term)
	number(c, 2, &m.Snapshot.Index)
	number(c, 3, &m.Snapshot.Term)
	number(c, 4, &m.Snapshot.ConfigIndex)
}

func installSnapshotReplyFields(c *coder, m *raft.InstallSnapshotReply) {
	number(c, 1, &m.Term)
	number(c, 2, &m.Index)
}

func forwardFields(c *coder, m *transport.Forward) {
	number(c, 1, &m.ID)
	number(c, 2, &m.Op)
}

func forwardReplyFields(c *coder, m *transport.ForwardReply) { number(c, 1, &m.ID) }
