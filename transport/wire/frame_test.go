package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

func TestSamplesSurvive(t *testing.T) {
	for _, s := range samples() {
		prefix := []byte("before")
		data, err := Append(prefix, s.frame)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if !bytes.HasPrefix(data, prefix) {
			t.Fatalf("%s: what stood before was changed", s.name)
		}
		data = data[len(prefix):]
		head, err := ParseHead(data)
		if err != nil || head.BodyBytes != len(data)-HeadBytes {
			t.Fatalf("%s: head %+v, %v", s.name, head, err)
		}
		got, err := Decode(head.Kind, data[HeadBytes:])
		if err != nil || !reflect.DeepEqual(got, s.frame) {
			t.Errorf("%s: got %+v, %v", s.name, got, err)
		}
		if class, ok := head.Kind.Class(); !ok || class != transport.ClassOf(s.frame.Payload) {
			t.Errorf("%s: the kind's class is %v, the payload's %v", s.name, class, transport.ClassOf(s.frame.Payload))
		}
		if bound, err := SizeBound(s.frame); err != nil || bound < len(data) {
			t.Errorf("%s: takes %d bytes, the bound is %d, %v", s.name, len(data), bound, err)
		}
	}
}

// drawAppend makes an arbitrary valid append.
func drawAppend(t *rapid.T) raft.Append {
	m := raft.Append{
		Term:      raft.Term(rapid.Uint64().Draw(t, "term")),
		PrevIndex: raft.Index(rapid.Uint64Max(1<<62).Draw(t, "prevIndex")),
		PrevTerm:  raft.Term(rapid.Uint64().Draw(t, "prevTerm")),
		Commit:    raft.Index(rapid.Uint64().Draw(t, "commit")),
		Round:     rapid.Uint64().Draw(t, "round"),
	}
	term := m.PrevTerm
	for i := range rapid.IntRange(0, 20).Draw(t, "entries") {
		if rapid.Bool().Draw(t, "newTerm") {
			term = raft.Term(rapid.Uint64().Draw(t, "entryTerm"))
		}
		e := raft.Entry{Index: m.PrevIndex + raft.Index(i) + 1, Term: term, Type: raft.EntryType(rapid.IntRange(1, 3).Draw(t, "type"))}
		if data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"); len(data) > 0 {
			e.Data = data
		}
		m.Entries = append(m.Entries, e)
	}
	return m
}

func TestAnyAppendSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := transport.Frame{Group: raft.GroupID(rapid.Uint64().Draw(t, "group")), Payload: drawAppend(t)}
		data, err := Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if bound, _ := SizeBound(want); bound < len(data) {
			t.Fatalf("takes %d bytes, the bound is %d", len(data), bound)
		}
		got, err := Decode(KindAppend, data[HeadBytes:])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

// Entry data must be the frame's memory and not a copy, and must not let an
// append to one run into the next.
func TestDecodedDataIsNotCopied(t *testing.T) {
	m := raft.Append{Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: []byte("aa")}, {Index: 2, Type: raft.EntryCommand, Data: []byte("bb")}}}
	data, err := Append(nil, transport.Frame{Payload: m})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Decode(KindAppend, data[HeadBytes:])
	if err != nil {
		t.Fatal(err)
	}
	entries := f.Payload.(raft.Append).Entries
	_ = append(entries[0].Data, 'x', 'x', 'x', 'x', 'x', 'x', 'x')
	if string(entries[1].Data) != "bb" {
		t.Error("an append to the first entry's data changed the second's")
	}
	data[len(data)-1] = 'c'
	if string(entries[1].Data) != "bc" {
		t.Error("the data was copied")
	}
}

func TestAppendRefusals(t *testing.T) {
	appendOf := func(entries ...raft.Entry) transport.Payload { return raft.Append{PrevIndex: 5, Entries: entries} }
	for name, row := range map[string]struct {
		payload transport.Payload
		want    error
	}{
		"nothing":        {nil, ErrUnknownPayload},
		"text":           {"hello", ErrUnknownPayload},
		"a pointer":      {&raft.Vote{}, ErrUnknownPayload},
		"a gap":          {appendOf(raft.Entry{Index: 7, Type: raft.EntryNoop}), ErrMalformed},
		"type 0":         {appendOf(raft.Entry{Index: 6}), ErrMalformed},
		"too many":       {appendOf(make([]raft.Entry, EntriesPerAppendMax+1)...), ErrTooLarge},
		"too long":       {appendOf(raft.Entry{Index: 6, Type: raft.EntryCommand, Data: make([]byte, TailBytesMax)}), ErrTooLarge},
		"long body":      {transport.Forward{Body: make([]byte, TailBytesMax+1)}, ErrTooLarge},
		"long reply":     {transport.ForwardReply{Body: make([]byte, TailBytesMax+1)}, ErrTooLarge},
		"long but legal": {transport.ForwardReply{Body: make([]byte, TailBytesMax)}, nil},
	} {
		dst, err := Append([]byte("kept"), transport.Frame{Payload: row.payload})
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if row.want != nil && string(dst) != "kept" {
			t.Errorf("%s: the destination came back as %q", name, dst)
		}
	}
	if _, err := AppendHello(nil, Hello{Cluster: string(make([]byte, ClusterBytesMax+1))}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long cluster name: %v", err)
	}
	if _, err := AppendFileRequest(nil, FileRequest{Name: string(make([]byte, FileNameBytesMax+1))}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long file name: %v", err)
	}
}

func TestHelloOfALaterVersion(t *testing.T) {
	want := Hello{VersionMin: 1, VersionMax: 9, Cluster: "c1", Node: 2, Boot: 3}
	data, err := AppendHello(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	body := data[HeadBytes:]
	body[0] += 5
	later, _ := hex.DecodeString("0901" + "0af5" + "0b43010203" + "0c6161" + "1818f4")
	got, err := DecodeHello(append(body, later...))
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPackets(t *testing.T) {
	var packet []byte
	var want []transport.Frame
	for group := range raft.GroupID(30) {
		f := transport.Frame{Group: group, Payload: raft.Heartbeat{Term: 4, Commit: 9}}
		want = append(want, f)
		packet, _ = Append(packet, f)
	}
	got, err := DecodePacket(packet, transport.ClassControl, nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %d frames of %d, %v", len(got), len(want), err)
	}
	appendFrame, _ := Append(nil, transport.Frame{Payload: raft.Append{}})
	hello, _ := AppendHello(nil, Hello{VersionMin: 1, VersionMax: 1})
	for name, bad := range map[string][]byte{
		"cut in a body":       packet[:len(packet)-1],
		"cut in a head":       packet[:len(packet)-len(packet)/30+3],
		"another class":       append(bytes.Clone(packet), appendFrame...),
		"no class":            append(bytes.Clone(packet), hello...),
		"garbage behind":      append(bytes.Clone(packet), 0),
		"a malformed heading": append(bytes.Clone(packet), 0, 0, 0, 1, 1, 3, 0x80),
	} {
		before := []transport.Frame{{Group: 99, Payload: raft.Heartbeat{}}}
		got, err := DecodePacket(bad, transport.ClassControl, before)
		if !errors.Is(err, ErrMalformed) || len(got) != 1 {
			t.Errorf("%s: %d frames, %v", name, len(got), err)
		}
	}
	if _, err := DecodePacket(appendFrame, transport.ClassAppend, nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("an append in a packet: %v", err)
	}
}

// FuzzDecode: whatever decodes encodes to the very same bytes, nothing panics.
func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		data, _ := Append(nil, s.frame)
		f.Add(data)
	}
	for _, s := range sessionSamples() {
		data, _ := s.encode()
		f.Add(data)
	}
	for _, r := range refusals() {
		data, _ := hex.DecodeString(r.Hex)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		again, err := reencode(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		// A hello may lose the fields of later versions, nothing else may change.
		if !bytes.Equal(again, data) && Kind(data[5]) != KindHello {
			t.Fatalf("%x encodes again to %x", data, again)
		}
		_, _ = DecodePacket(data, transport.ClassControl, nil)
	})
}
