package wire

import (
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// KindOf returns the kind of frame that carries p; ok is false when none does.
func KindOf(p transport.Payload) (kind Kind, ok bool) {
	switch p.(type) {
	case raft.Append:
		return KindAppend, true
	case raft.AppendReply:
		return KindAppendReply, true
	case raft.Heartbeat:
		return KindHeartbeat, true
	case raft.HeartbeatReply:
		return KindHeartbeatReply, true
	case raft.Vote:
		return KindVote, true
	case raft.VoteReply:
		return KindVoteReply, true
	case raft.PreVote:
		return KindPreVote, true
	case raft.PreVoteReply:
		return KindPreVoteReply, true
	case raft.TimeoutNow:
		return KindTimeoutNow, true
	case raft.ReadIndex:
		return KindReadIndex, true
	case raft.ReadIndexReply:
		return KindReadIndexReply, true
	case raft.InstallSnapshot:
		return KindInstallSnapshot, true
	case raft.InstallSnapshotReply:
		return KindInstallSnapshotReply, true
	case transport.Forward:
		return KindForward, true
	case transport.ForwardReply:
		return KindForwardReply, true
	}
	return 0, false
}

// SizeBound returns what f takes at most when encoded, in bytes. The error is
// ErrUnknownPayload, or ErrTooLarge when Append would refuse f for its size.
func SizeBound(f transport.Frame) (int, error) {
	kind, ok := KindOf(f.Payload)
	if !ok {
		return 0, fmt.Errorf("wire: %w: %T", ErrUnknownPayload, f.Payload)
	}
	tail := 0
	switch m := f.Payload.(type) {
	case raft.Append:
		if len(m.Entries) > EntriesPerAppendMax {
			return 0, fmt.Errorf("wire: %s: %w: %d entries, at most %d are allowed", kind, ErrTooLarge, len(m.Entries), EntriesPerAppendMax)
		}
		tail = entriesBytes(m.Entries)
	case raft.InstallSnapshot:
		tail = configurationBytesMax // a configuration that is valid takes no more
	case transport.Forward:
		tail = len(m.Body)
	case transport.ForwardReply:
		tail = len(m.Body)
	}
	if tail > TailBytesMax {
		return 0, fmt.Errorf("wire: %s: %w: %d bytes of data, at most %d are allowed", kind, ErrTooLarge, tail, TailBytesMax)
	}
	return HeadBytes + headerBytesMax + tail, nil
}

// Append appends f, encoded, to dst. On an error dst comes back as it was; the
// error is ErrUnknownPayload, ErrTooLarge, or ErrMalformed when an Append's
// entries do not follow on each other or a snapshot's configuration is not valid.
func Append(dst []byte, f transport.Frame) ([]byte, error) {
	if _, err := SizeBound(f); err != nil {
		return dst, err
	}
	kind, _ := KindOf(f.Payload)
	if m, ok := f.Payload.(raft.InstallSnapshot); ok {
		if err := m.Snapshot.Configuration.Validate(); err != nil {
			return dst, malformed(kind, err.Error())
		}
	}
	start := len(dst)
	c := writer(appendHead(dst, kind))
	groupField(&c, &f.Group)
	tail := writePayload(&c, f.Payload)
	c.finish()
	out := append(c.data, tail...)
	if m, ok := f.Payload.(raft.Append); ok {
		var cause string
		if out, cause = appendEntries(out, &m); cause != "" {
			return dst, malformed(kind, cause)
		}
	}
	setLength(out, start)
	return out, nil
}

// writePayload writes the fields of p and returns the raw bytes that follow the
// header, those of entries excepted.
func writePayload(c *coder, p transport.Payload) (tail []byte) {
	switch m := p.(type) {
	case raft.Append:
		count := uint32(len(m.Entries))
		appendFields(c, &m, &count)
	case raft.AppendReply:
		appendReplyFields(c, &m)
	case raft.Heartbeat:
		heartbeatFields(c, &m)
	case raft.HeartbeatReply:
		heartbeatReplyFields(c, &m)
	case raft.Vote:
		voteFields(c, &m)
	case raft.VoteReply:
		voteReplyFields(c, &m)
	case raft.PreVote:
		preVoteFields(c, &m)
	case raft.PreVoteReply:
		preVoteReplyFields(c, &m)
	case raft.TimeoutNow:
		timeoutNowFields(c, &m)
	case raft.ReadIndex:
		readIndexFields(c, &m)
	case raft.ReadIndexReply:
		readIndexReplyFields(c, &m)
	case raft.InstallSnapshot:
		installSnapshotFields(c, &m)
		return m.Snapshot.Configuration.Encode()
	case raft.InstallSnapshotReply:
		installSnapshotReplyFields(c, &m)
	case transport.Forward:
		forwardFields(c, &m)
		return m.Body
	case transport.ForwardReply:
		forwardReplyFields(c, &m)
		return m.Body
	}
	return nil
}

// Decode reads the body of a frame of the given kind. The frame's entry data and
// bodies stay in body, which belongs to the frame from then on; empty ones are
// nil. The error is ErrMalformed.
func Decode(kind Kind, body []byte) (transport.Frame, error) {
	c := reader(body)
	var f transport.Frame
	groupField(&c, &f.Group)
	f.Payload = readPayload(&c, kind)
	if f.Payload == nil {
		c.fail("no frame of a class")
	}
	if c.cause != "" {
		return transport.Frame{}, malformed(kind, c.cause)
	}
	return f, nil
}

// DecodePacket reads a packet that consists of whole frames, of the given class
// and without a tail, and appends them to frames. The error is ErrMalformed; then
// the result is frames as it was.
func DecodePacket(packet []byte, class transport.Class, frames []transport.Frame) ([]transport.Frame, error) {
	out := frames
	for len(packet) > 0 {
		head, err := parseHeadOf(packet, class)
		if err != nil {
			return frames, err
		}
		packet = packet[HeadBytes:]
		if head.BodyBytes > len(packet) || kinds[head.Kind].tail {
			return frames, malformed(head.Kind, "cut, or not allowed in a packet")
		}
		f, err := Decode(head.Kind, packet[:head.BodyBytes])
		if err != nil {
			return frames, err
		}
		packet = packet[head.BodyBytes:]
		out = append(out, f)
	}
	return out, nil
}

// parseHeadOf is ParseHead for a place where only one class may appear.
func parseHeadOf(b []byte, class transport.Class) (Head, error) {
	head, err := ParseHead(b)
	if err != nil {
		return Head{}, err
	}
	if got, ok := head.Kind.Class(); !ok || got != class {
		return Head{}, malformed(head.Kind, "does not belong to class "+class.String())
	}
	return head, nil
}
