package wire

import (
	"math"
	"strings"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/transport"
)

// sample is one message with its name in the golden vectors.
type sample struct {
	name  string
	frame transport.Frame
}

// samples covers every kind, each field on its own in at least one of them, and
// the borders of integer sizes.
func samples() []sample {
	frame := func(name string, group raft.GroupID, p transport.Payload) sample {
		return sample{name, transport.Frame{Group: group, Payload: p}}
	}
	entry := func(index raft.Index, term raft.Term, t raft.EntryType, data string) raft.Entry {
		e := raft.Entry{Index: index, Term: term, Type: t}
		if data != "" {
			e.Data = []byte(data)
		}
		return e
	}
	return []sample{
		frame("append, a probe", 1, raft.Append{Term: 3, PrevIndex: 23, PrevTerm: 2, Commit: 24, Round: 255}),
		frame("append, the first entry of a log", 1, raft.Append{Term: 1, Entries: []raft.Entry{entry(1, 1, raft.EntryNoop, "")}}),
		frame("append, entries of two terms", 7, raft.Append{
			Term: 5, PrevIndex: 100, PrevTerm: 4, Commit: 99, Round: 1 << 32,
			Entries: []raft.Entry{entry(101, 4, raft.EntryCommand, "incr"), entry(102, 5, raft.EntryNoop, ""), entry(103, 5, raft.EntryConfig, "\x00\xff")},
		}),
		frame("append-reply, accepted", 7, raft.AppendReply{Term: 5, Match: 103, PrevIndex: 100, Round: 1 << 32, Promise: true}),
		frame("append-reply, rejected", 7, raft.AppendReply{Term: 5, Rejected: true, PrevIndex: 100, HintIndex: 80, HintTerm: 3}),
		frame("append-reply, of a node whose log is damaged", 7, raft.AppendReply{Term: 5, Match: 90, Damaged: true}),
		frame("append-reply, rejected by a node whose disk has stalled", 7, raft.AppendReply{Term: 5, Rejected: true, PrevIndex: 100, Promise: true, DiskSlow: true}),
		frame("heartbeat", 65536, raft.Heartbeat{Term: 5, Commit: 65535, Round: 256}),
		frame("heartbeat, nothing but zeros", 0, raft.Heartbeat{}),
		frame("heartbeat, greatest numbers", math.MaxUint64, raft.Heartbeat{Term: math.MaxUint64, Commit: math.MaxUint64, Round: math.MaxUint64}),
		frame("heartbeat-reply", 2, raft.HeartbeatReply{Term: 5, Round: 24, Promise: true}),
		frame("heartbeat-reply, the log is damaged", 2, raft.HeartbeatReply{Term: 5, Round: 3, Damaged: true}),
		frame("heartbeat-reply, the disk has stalled", 2, raft.HeartbeatReply{Term: 5, Promise: true, DiskSlow: true}),
		frame("append-reply, the disk is full", 7, raft.AppendReply{Term: 5, Match: 90, DiskFull: true}),
		frame("heartbeat-reply, the disk is full", 2, raft.HeartbeatReply{Term: 5, DiskFull: true}),
		frame("vote", 2, raft.Vote{Term: 6, LastIndex: 103, LastTerm: 5}),
		frame("vote, of a transfer", 2, raft.Vote{Term: 6, LastIndex: 103, LastTerm: 5, Transfer: true}),
		frame("vote, the leader is gone", 2, raft.Vote{Term: 6, LastIndex: 103, LastTerm: 5, Gone: 3, GoneBoot: 65536}),
		frame("vote-reply, granted", 2, raft.VoteReply{Term: 6, Granted: true}),
		frame("vote-reply, refused", 2, raft.VoteReply{Term: 7, Reason: raft.RefusedLog}),
		frame("pre-vote", 2, raft.PreVote{Term: 6, LastIndex: 103, LastTerm: 5}),
		frame("pre-vote, the leader is gone", 2, raft.PreVote{Term: 6, LastIndex: 103, LastTerm: 5, Gone: 3, GoneBoot: 17}),
		frame("pre-vote-reply, granted", 2, raft.PreVoteReply{Term: 6, Granted: true}),
		frame("pre-vote-reply, refused", 2, raft.PreVoteReply{Term: 5, Reason: raft.RefusedLeader}),
		frame("timeout-now", 2, raft.TimeoutNow{Term: 6}),
		frame("read-index", 2, raft.ReadIndex{Term: 6, ID: 4294967295}),
		frame("read-index-reply", 2, raft.ReadIndexReply{Term: 6, ID: 4294967295, Index: 104, Last: 110}),
		frame("read-index-reply, refused", 2, raft.ReadIndexReply{Term: 6, ID: 9, Refused: true}),
		frame("install-snapshot", 2, raft.InstallSnapshot{Term: 6, Snapshot: raft.SnapshotMeta{
			Index: 1 << 20, Term: 5, ConfigIndex: 77, Configuration: raft.Configuration{
				Voters: confchange.New(1, 2, 300).Voters, Outgoing: confchange.New(1, 2).Voters, Learners: confchange.New(4).Voters,
			},
		}}),
		frame("install-snapshot, nothing but a configuration", 2, raft.InstallSnapshot{
			Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1)},
		}),
		frame("install-snapshot-reply", 2, raft.InstallSnapshotReply{Term: 6, Index: 1 << 20}),
		frame("forward", 2, transport.Forward{ID: 1000, Op: 3, Body: []byte("incr")}),
		frame("forward, without a body", 2, transport.Forward{ID: 1001, Op: 255}),
		frame("forward-reply", 2, transport.ForwardReply{ID: 1000, Body: []byte{0, 1, 2}}),
	}
}

// sessionSample is a frame that opens or answers a stream.
type sessionSample struct {
	name   string
	encode func() ([]byte, error)
	decode func(body []byte) ([]byte, error) // decodes and encodes again
}

func sessionSamples() []sessionSample {
	hello := func(name string, h Hello) sessionSample {
		return sessionSample{name, func() ([]byte, error) { return AppendHello(nil, h) }, reencodeHello}
	}
	request := func(name string, r FileRequest) sessionSample {
		return sessionSample{name, func() ([]byte, error) { return AppendFileRequest(nil, r) }, reencodeFileRequest}
	}
	reply := func(name string, r FileReply) sessionSample {
		return sessionSample{name, func() ([]byte, error) { return AppendFileReply(nil, r), nil }, reencodeFileReply}
	}
	return []sessionSample{
		hello("hello", Hello{VersionMin: 1, VersionMax: 2, Cluster: "c1", Node: 3, Incarnation: 1, Boot: 17, Connection: 2, Features: 1 << 40}),
		hello("hello, longest name", Hello{VersionMin: 1, VersionMax: 1, Cluster: strings.Repeat("c", ClusterBytesMax), Node: math.MaxUint64}),
		request("file-request", FileRequest{Name: "modules/00ff.wasm", Offset: 1 << 20}),
		request("file-request, longest name", FileRequest{Name: strings.Repeat("n", FileNameBytesMax)}),
		reply("file-reply, a file follows", FileReply{Status: FileOK, Size: 3 << 20}),
		reply("file-reply, an empty file", FileReply{}),
		reply("file-reply, not found", FileReply{Status: FileNotFound}),
	}
}

func reencodeHello(body []byte) ([]byte, error) {
	h, err := DecodeHello(body)
	if err != nil {
		return nil, err
	}
	return AppendHello(nil, h)
}

func reencodeFileRequest(body []byte) ([]byte, error) {
	r, err := DecodeFileRequest(body)
	if err != nil {
		return nil, err
	}
	return AppendFileRequest(nil, r)
}

func reencodeFileReply(body []byte) ([]byte, error) {
	r, err := DecodeFileReply(body)
	if err != nil {
		return nil, err
	}
	return AppendFileReply(nil, r), nil
}

// reencode decodes one whole frame of any kind and encodes it again.
func reencode(data []byte) ([]byte, error) {
	head, err := ParseHead(data)
	if err != nil {
		return nil, err
	}
	if len(data) != HeadBytes+head.BodyBytes {
		return nil, malformed(head.Kind, "not one frame")
	}
	body := data[HeadBytes:]
	switch head.Kind {
	case KindHello:
		return reencodeHello(body)
	case KindFileRequest:
		return reencodeFileRequest(body)
	case KindFileReply:
		return reencodeFileReply(body)
	}
	f, err := Decode(head.Kind, body)
	if err != nil {
		return nil, err
	}
	return Append(nil, f)
}
