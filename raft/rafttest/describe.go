package rafttest

import (
	"fmt"
	"strings"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/quorum"
)

// Describe writes a message the way scripts show it; log positions are written
// index:term.
func Describe(m raft.Message) string {
	switch m := m.(type) {
	case raft.Append:
		return fmt.Sprintf("Append t%d after %d:t%d commit=%d%s", m.Term, m.PrevIndex, m.PrevTerm, m.Commit, DescribeEntries(m.Entries))
	case raft.AppendReply:
		if m.Rejected {
			return fmt.Sprintf("AppendReply t%d rejected %d, try %d:t%d%s",
				m.Term, m.PrevIndex, m.HintIndex, m.HintTerm, describeVoter(m.Promise, m.DiskSlow, m.DiskFull, m.Damaged))
		}
		return fmt.Sprintf("AppendReply t%d match=%d%s", m.Term, m.Match, describeVoter(m.Promise, m.DiskSlow, m.DiskFull, m.Damaged))
	case raft.Heartbeat:
		return fmt.Sprintf("Heartbeat t%d commit=%d round=%d", m.Term, m.Commit, m.Round)
	case raft.HeartbeatReply:
		return fmt.Sprintf("HeartbeatReply t%d round=%d%s", m.Term, m.Round, describeVoter(m.Promise, m.DiskSlow, m.DiskFull, m.Damaged))
	case raft.Vote:
		return fmt.Sprintf("Vote t%d last=%d:t%d%s", m.Term, m.LastIndex, m.LastTerm, note(m.Transfer, " transfer")+describeGone(m.Gone, m.GoneBoot))
	case raft.PreVote:
		return fmt.Sprintf("PreVote t%d last=%d:t%d%s", m.Term, m.LastIndex, m.LastTerm, describeGone(m.Gone, m.GoneBoot))
	case raft.VoteReply:
		return fmt.Sprintf("VoteReply t%d %s", m.Term, verdict(m.Granted, m.Reason))
	case raft.PreVoteReply:
		return fmt.Sprintf("PreVoteReply t%d %s", m.Term, verdict(m.Granted, m.Reason))
	case raft.InstallSnapshot:
		return fmt.Sprintf("InstallSnapshot t%d %s", m.Term, describeSnapshot(m.Snapshot))
	case raft.InstallSnapshotReply:
		return fmt.Sprintf("InstallSnapshotReply t%d wants %d", m.Term, m.Index)
	case raft.TimeoutNow:
		return fmt.Sprintf("TimeoutNow t%d", m.Term)
	case raft.ReadIndex:
		return fmt.Sprintf("ReadIndex t%d", m.Term)
	case raft.ReadIndexReply:
		return fmt.Sprintf("ReadIndexReply t%d index=%d%s", m.Term, m.Index, note(m.Refused, " refused"))
	}
	return fmt.Sprintf("%T", m)
}

// DescribeEntries lists entries: [3:t2 noop] [4:t2 "x"]. Many are cut short.
func DescribeEntries(entries []raft.Entry) string {
	const shown = 6
	var b strings.Builder
	for i, e := range entries {
		if i == shown && len(entries) > shown+1 {
			last := entries[len(entries)-1]
			fmt.Fprintf(&b, " .. [%d:t%d]", last.Index, last.Term)
			break
		}
		switch {
		case e.Type == raft.EntryCommand && len(e.Data) > 16:
			fmt.Fprintf(&b, " [%d:t%d %d bytes]", e.Index, e.Term, len(e.Data))
		case e.Type == raft.EntryCommand:
			fmt.Fprintf(&b, " [%d:t%d %q]", e.Index, e.Term, e.Data)
		case e.Type == raft.EntryConfig:
			configuration, _ := confchange.Decode(e.Data)
			fmt.Fprintf(&b, " [%d:t%d config %s]", e.Index, e.Term, DescribeConfiguration(configuration))
		default:
			fmt.Fprintf(&b, " [%d:t%d %v]", e.Index, e.Term, e.Type)
		}
	}
	return b.String()
}

// DescribeConfiguration draws who votes, both halves when it is joint, and who
// only listens: (n1 n2)&&(n1 n2 n3) learners (n4).
func DescribeConfiguration(c raft.Configuration) string {
	s := quorum.Joint{Incoming: nodesOf(c.Voters), Outgoing: nodesOf(c.Outgoing)}.String()
	if len(c.Learners) > 0 {
		s += " learners " + nodesOf(c.Learners).String()
	}
	return s
}

func nodesOf(members []raft.Member) quorum.Majority {
	var ids quorum.Majority
	for _, m := range members {
		ids = append(ids, m.Node)
	}
	return ids
}

// DescribeEvent writes an event the way scripts show it.
func DescribeEvent(e raft.Event) string {
	switch e := e.(type) {
	case raft.RoleChanged:
		s := fmt.Sprintf("%v t%d", e.Role, e.Term)
		if e.Leader != 0 && e.Role != raft.Leader {
			s += fmt.Sprintf(" of %v", e.Leader)
		}
		return s + ": " + e.Cause
	case raft.TermJumped:
		return fmt.Sprintf("is pulled from t%d to t%d by %v", e.Before, e.After, e.Peer)
	case raft.VoteDecided:
		kind := "vote"
		if e.Pre {
			kind = "pre-vote"
		}
		return fmt.Sprintf("%s for %v in t%d: %s", kind, e.Candidate, e.Term, verdict(e.Granted, e.Reason))
	case raft.LogTruncated:
		return fmt.Sprintf("log cut behind %d, it ended at %d", e.After, e.Last)
	case raft.TransferBegan:
		return fmt.Sprintf("transfers to %v", e.To)
	case raft.TransferAborted:
		return fmt.Sprintf("gives up the transfer to %v", e.To)
	case raft.LogCompacted:
		return fmt.Sprintf("log compacted up to %d", e.UpTo)
	case raft.SnapshotInstalled:
		return fmt.Sprintf("log begins anew behind %d, it ended at %d", e.Index, e.Last)
	case raft.SnapshotSent:
		if e.Err != nil {
			return fmt.Sprintf("could not send %v the snapshot at %d: %v", e.Peer, e.Index, e.Err)
		}
		return fmt.Sprintf("has sent %v the snapshot at %d", e.Peer, e.Index)
	}
	return describeHealth(e)
}

func describeVoter(promise, slow, full, damaged bool) string {
	return note(promise, " promise") + note(slow, " disk slow") + note(full, " disk full") + note(damaged, " damaged")
}

func describeGone(node raft.NodeID, boot uint64) string {
	if node == 0 {
		return ""
	}
	return fmt.Sprintf(" gone=%v#%d", node, boot)
}

// DescribeCommand writes what is to be done with a snapshot.
func DescribeCommand(c raft.SnapshotCommand) string {
	if c.Peer == 0 {
		return fmt.Sprintf("%v %s", c.Action, describeSnapshot(c.Snapshot))
	}
	return fmt.Sprintf("%v %v %s", c.Action, c.Peer, describeSnapshot(c.Snapshot))
}

func describeSnapshot(m raft.SnapshotMeta) string {
	return fmt.Sprintf("snapshot %d:t%d config %d %s", m.Index, m.Term, m.ConfigIndex, DescribeConfiguration(m.Configuration))
}

func verdict(granted bool, reason raft.RefusalReason) string {
	if granted {
		return "granted"
	}
	return "refused: " + reason.String()
}

func note(is bool, text string) string {
	if is {
		return text
	}
	return ""
}
