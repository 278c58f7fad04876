package wire

import (
	"bytes"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

func benchAppend(entries, bytesEach int) transport.Frame {
	m := raft.Append{Term: 9, PrevIndex: 1_000_000, PrevTerm: 9, Commit: 999_990, Round: 12345}
	for i := range entries {
		m.Entries = append(m.Entries, raft.Entry{
			Index: m.PrevIndex + raft.Index(i) + 1, Term: 9, Type: raft.EntryCommand, Data: bytes.Repeat([]byte{7}, bytesEach),
		})
	}
	return transport.Frame{Group: 17, Payload: m}
}

var benchFrames = []sample{
	{"append-64x128", benchAppend(64, 128)},
	{"append-1x128", benchAppend(1, 128)},
	{"append-reply", transport.Frame{Group: 17, Payload: raft.AppendReply{Term: 9, Match: 1_000_064, PrevIndex: 1_000_000, Round: 12345}}},
	{"heartbeat", transport.Frame{Group: 17, Payload: raft.Heartbeat{Term: 9, Commit: 999_990, Round: 12345}}},
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range benchFrames {
		b.Run(s.name, func(b *testing.B) {
			buf, _ := Append(nil, s.frame)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = Append(buf[:0], s.frame)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range benchFrames {
		b.Run(s.name, func(b *testing.B) {
			data, _ := Append(nil, s.frame)
			kind := Kind(data[5])
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(kind, data[HeadBytes:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
