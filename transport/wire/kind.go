package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// Version is the version of the frame format, in the head of every frame.
const Version = 1

const (
	// HeadBytes is the size of the fixed head in front of every frame.
	HeadBytes = 6
	// BodyBytesMax bounds what follows the head, for any kind.
	BodyBytesMax = 16 << 20
	// EntriesPerAppendMax bounds the entries in one Append.
	EntriesPerAppendMax = raft.AppendEntriesMax
	// TailBytesMax bounds the raw bytes behind a frame's header: a forwarded body,
	// or the block of an Append's entries.
	TailBytesMax = BodyBytesMax - headerBytesMax
	// FileNameBytesMax bounds the name in a FileRequest.
	FileNameBytesMax = 255
	// ClusterBytesMax bounds the cluster's name in a Hello.
	ClusterBytesMax = 63

	// headerBytesMax bounds the CBOR header of every frame but Hello and FileRequest.
	headerBytesMax = 128
	// configurationBytesMax bounds the tail of an InstallSnapshot: three full lists of
	// members with the longest numbers.
	configurationBytesMax = 3200
	// sessionBytesMax bounds a Hello, a FileRequest and a FileReply. A Hello has
	// room for fields of later versions.
	sessionBytesMax = 1024
)

var (
	// ErrMalformed: the bytes are not what a correct peer sends. Close the connection and count it.
	ErrMalformed = errors.New("malformed frame")
	// ErrTooLarge: the frame exceeds a bound of the format. Send less at once.
	ErrTooLarge = errors.New("frame too large")
	// ErrUnknownPayload: the payload is of no kind a frame can carry. Fix the caller.
	ErrUnknownPayload = errors.New("unknown payload")
)

// Kind says what a frame carries. The numbers are part of the format.
type Kind uint8

// The kinds of version 1.
const (
	KindAppend               Kind = 1
	KindAppendReply          Kind = 2
	KindHeartbeat            Kind = 3
	KindHeartbeatReply       Kind = 4
	KindVote                 Kind = 5
	KindVoteReply            Kind = 6
	KindPreVote              Kind = 7
	KindPreVoteReply         Kind = 8
	KindTimeoutNow           Kind = 9
	KindReadIndex            Kind = 10
	KindReadIndexReply       Kind = 11
	KindInstallSnapshot      Kind = 12
	KindInstallSnapshotReply Kind = 13
	KindForward              Kind = 16
	KindForwardReply         Kind = 17
	KindHello                Kind = 32
	KindFileRequest          Kind = 40
	KindFileReply            Kind = 41
)

// kindInfo is what the head of a frame is checked against.
type kindInfo struct {
	name         string
	bodyBytesMax uint32
	class        transport.Class // ClassCount: travels in no class, but opens a stream
	tail         bool            // raw bytes follow the header
}

var kinds = [...]kindInfo{
	KindAppend:               {"append", BodyBytesMax, transport.ClassAppend, true},
	KindAppendReply:          {"append-reply", headerBytesMax, transport.ClassAppend, false},
	KindHeartbeat:            {"heartbeat", headerBytesMax, transport.ClassControl, false},
	KindHeartbeatReply:       {"heartbeat-reply", headerBytesMax, transport.ClassControl, false},
	KindVote:                 {"vote", headerBytesMax, transport.ClassControl, false},
	KindVoteReply:            {"vote-reply", headerBytesMax, transport.ClassControl, false},
	KindPreVote:              {"pre-vote", headerBytesMax, transport.ClassControl, false},
	KindPreVoteReply:         {"pre-vote-reply", headerBytesMax, transport.ClassControl, false},
	KindTimeoutNow:           {"timeout-now", headerBytesMax, transport.ClassControl, false},
	KindReadIndex:            {"read-index", headerBytesMax, transport.ClassControl, false},
	KindReadIndexReply:       {"read-index-reply", headerBytesMax, transport.ClassControl, false},
	KindInstallSnapshot:      {"install-snapshot", headerBytesMax + configurationBytesMax, transport.ClassAppend, true},
	KindInstallSnapshotReply: {"install-snapshot-reply", headerBytesMax, transport.ClassAppend, false},
	KindForward:              {"forward", BodyBytesMax, transport.ClassForward, true},
	KindForwardReply:         {"forward-reply", BodyBytesMax, transport.ClassForward, true},
	KindHello:                {"hello", sessionBytesMax, transport.ClassCount, false},
	KindFileRequest:          {"file-request", sessionBytesMax, transport.ClassCount, false},
	KindFileReply:            {"file-reply", sessionBytesMax, transport.ClassCount, false},
}

// Valid reports whether k is a kind of this version.
func (k Kind) Valid() bool { return int(k) < len(kinds) && kinds[k].name != "" }

// String returns the kind's name as in docs/FORMAT.md.
func (k Kind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kinds[k].name
}

// Class is the class frames of this kind travel in; ok is false for the kinds
// that open a stream and for unknown ones.
func (k Kind) Class() (class transport.Class, ok bool) {
	if !k.Valid() || kinds[k].class == transport.ClassCount {
		return 0, false
	}
	return kinds[k].class, true
}

// Head is the fixed beginning of a frame.
type Head struct {
	BodyBytes int // what follows the head
	Kind      Kind
}

// ParseHead reads a head from the first HeadBytes of b, and checks version, kind
// and length. The error is ErrMalformed.
func ParseHead(b []byte) (Head, error) {
	if len(b) < HeadBytes {
		return Head{}, fmt.Errorf("wire: %w: %d bytes are no head", ErrMalformed, len(b))
	}
	length, version, kind := binary.BigEndian.Uint32(b), b[4], Kind(b[5])
	if version != Version {
		return Head{}, fmt.Errorf("wire: %w: format version %d, this is version %d", ErrMalformed, version, Version)
	}
	if !kind.Valid() {
		return Head{}, fmt.Errorf("wire: %w: %s is unknown", ErrMalformed, kind)
	}
	if length > kinds[kind].bodyBytesMax {
		return Head{}, fmt.Errorf("wire: %w: %s of %d bytes, at most %d are allowed", ErrMalformed, kind, length, kinds[kind].bodyBytesMax)
	}
	return Head{BodyBytes: int(length), Kind: kind}, nil
}

// appendHead reserves a head, whose length setLength fills in.
func appendHead(dst []byte, kind Kind) []byte {
	return append(dst, 0, 0, 0, 0, Version, byte(kind))
}

// setLength completes the head at start once the body stands behind it.
func setLength(frame []byte, start int) {
	binary.BigEndian.PutUint32(frame[start:], uint32(len(frame)-start-HeadBytes))
}

func malformed(kind Kind, cause string) error {
	return fmt.Errorf("wire: %s: %w: %s", kind, ErrMalformed, cause)
}
