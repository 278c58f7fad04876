package wire

import (
	"bytes"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/transport"
)

// readPayload reads the rest of a header behind the group, and the tail. It
// returns nil when the kind carries no payload; otherwise c says whether the
// payload may be used.
func readPayload(c *coder, kind Kind) transport.Payload {
	switch kind {
	case KindAppend, KindInstallSnapshot, KindForward, KindForwardReply:
		return readWithTail(c, kind)
	case KindAppendReply, KindHeartbeat, KindHeartbeatReply, KindInstallSnapshotReply, KindReadIndex, KindReadIndexReply:
		return readReplication(c, kind)
	case KindVote, KindVoteReply, KindPreVote, KindPreVoteReply, KindTimeoutNow:
		return readElection(c, kind)
	}
	return nil
}

// readWithTail reads the kinds whose raw bytes follow the header.
func readWithTail(c *coder, kind Kind) transport.Payload {
	switch kind {
	case KindForward:
		var m transport.Forward
		forwardFields(c, &m)
		m.Body = c.takeTail()
		return m
	case KindForwardReply:
		var m transport.ForwardReply
		forwardReplyFields(c, &m)
		m.Body = c.takeTail()
		return m
	case KindInstallSnapshot:
		return readInstallSnapshot(c)
	}
	var m raft.Append
	var count uint32
	appendFields(c, &m, &count)
	block := c.takeTail()
	if c.cause == "" {
		if cause := decodeEntries(&m, block, count); cause != "" {
			c.fail(cause)
		}
	}
	return m
}

// readInstallSnapshot reads an offer, whose configuration is the tail.
func readInstallSnapshot(c *coder) transport.Payload {
	var m raft.InstallSnapshot
	installSnapshotFields(c, &m)
	tail := c.takeTail()
	if c.cause != "" {
		return m
	}
	configuration, err := confchange.Decode(tail)
	// Why encode it again: numbers have longer forms, too, and a message must have
	// one encoding only.
	if err != nil || !bytes.Equal(configuration.Encode(), tail) {
		c.fail("no configuration")
	}
	m.Snapshot.Configuration = configuration
	return m
}

// readReplication and readElection read the kinds that are a header only. Why
// spelled out: through one generic function each message escapes to the heap on its
// way, three allocations for a heartbeat instead of one and twice the time.
func readReplication(c *coder, kind Kind) transport.Payload {
	switch kind {
	case KindAppendReply:
		var m raft.AppendReply
		appendReplyFields(c, &m)
		c.finishExact()
		return m
	case KindHeartbeat:
		var m raft.Heartbeat
		heartbeatFields(c, &m)
		c.finishExact()
		return m
	case KindHeartbeatReply:
		var m raft.HeartbeatReply
		heartbeatReplyFields(c, &m)
		c.finishExact()
		return m
	case KindInstallSnapshotReply:
		var m raft.InstallSnapshotReply
		installSnapshotReplyFields(c, &m)
		c.finishExact()
		return m
	case KindReadIndex:
		var m raft.ReadIndex
		readIndexFields(c, &m)
		c.finishExact()
		return m
	}
	var m raft.ReadIndexReply
	readIndexReplyFields(c, &m)
	c.finishExact()
	return m
}

func readElection(c *coder, kind Kind) transport.Payload {
	switch kind {
	case KindVote:
		var m raft.Vote
		voteFields(c, &m)
		c.finishExact()
		return m
	case KindVoteReply:
		var m raft.VoteReply
		voteReplyFields(c, &m)
		c.finishExact()
		return m
	case KindPreVote:
		var m raft.PreVote
		preVoteFields(c, &m)
		c.finishExact()
		return m
	case KindPreVoteReply:
		var m raft.PreVoteReply
		preVoteReplyFields(c, &m)
		c.finishExact()
		return m
	}
	var m raft.TimeoutNow
	timeoutNowFields(c, &m)
	c.finishExact()
	return m
}

// takeTail ends the header and returns the raw bytes behind it, nil when there
// are none.
func (c *coder) takeTail() []byte {
	c.finish()
	if c.cause != "" || len(c.data) == 0 {
		return nil
	}
	return c.data
}

// finishExact ends a header that nothing may follow.
func (c *coder) finishExact() {
	c.finish()
	if c.cause == "" && len(c.data) > 0 {
		c.fail("bytes behind the header")
	}
}
