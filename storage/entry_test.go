package storage

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/wraft/wraft/raft"
	"pgregory.net/rapid"
)

func encode(e raft.Entry, prev chain) ([]byte, chain) {
	b := make([]byte, entryValueBytes(&e))
	return b, putEntry(b, &e, prev)
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := raft.Entry{
			Index: raft.Index(rapid.Uint64().Draw(t, "index")),
			Term:  raft.Term(rapid.Uint64().Draw(t, "term")),
			Type:  raft.EntryType(rapid.IntRange(1, 3).Draw(t, "type")),
			Data:  rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		prev := chain(rapid.Uint64().Draw(t, "chain"))
		b, next := encode(e, prev)
		got, err := decodeEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.entry.Index != e.Index || got.entry.Term != e.Term || got.entry.Type != e.Type ||
			!bytes.Equal(got.entry.Data, e.Data) || got.chain != next {
			t.Fatalf("got %+v, want %+v", got, e)
		}
		if !got.follows(prev) || got.follows(prev+1) {
			t.Fatal("the chain does not tell what it follows")
		}
	})
}

// TestEntryFormat pins the bytes: a change needs another version.
func TestEntryFormat(t *testing.T) {
	b, _ := encode(raft.Entry{Index: 300, Term: 5, Type: raft.EntryCommand, Data: []byte("hi")}, newBase(1, testMeta).chain)
	const want = "d0bd066a0989e9352df48343010205ac026869"
	if got := hex.EncodeToString(b); got != want {
		t.Fatalf("the value is %s, want %s", got, want)
	}
}

func TestChainTellsEveryFieldApart(t *testing.T) {
	e := raft.Entry{Index: 7, Term: 3, Type: raft.EntryCommand, Data: []byte("data")}
	variants := []raft.Entry{e, e, e, e, e}
	variants[1].Index = 8
	variants[2].Term = 4
	variants[3].Type = raft.EntryNoop
	variants[4].Data = []byte("dates")
	seen := map[chain]int{}
	for i, v := range variants {
		_, c := encode(v, 1)
		if j, ok := seen[c]; ok {
			t.Fatalf("variants %d and %d have the same chain", i, j)
		}
		seen[c] = i
	}
	if _, c := encode(e, 2); c == 0 || seen[c] != 0 {
		t.Fatal("the chain does not depend on the entry before")
	}
	if newBase(1, testMeta).chain == newBase(2, testMeta).chain {
		t.Fatal("two groups start with the same chain")
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, e := range []raft.Entry{
		{Index: 1, Term: 1, Type: raft.EntryNoop},
		{Index: 1 << 40, Term: 1 << 63, Type: raft.EntryCommand, Data: []byte("data")},
	} {
		b, _ := encode(e, 9)
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Random bytes hardly ever pass the checksum, so each input is tried with its
		// checksum set right, too.
		before := bytes.Clone(b)
		checkDecoded(t, b)
		if len(b) >= entryHeaderBytes {
			checkDecoded(t, sealRecord(bytes.Clone(b)))
		}
		if !bytes.Equal(b, before) {
			t.Fatal("decoding changed the value")
		}
	})
}

// checkDecoded checks that what decodes encodes to the same bytes again.
func checkDecoded(t *testing.T, b []byte) {
	s, err := decodeEntry(b)
	if err != nil {
		return
	}
	again, c := encode(s.entry, s.chain)
	if !bytes.Equal(again[entryHeaderBytes:], b[entryHeaderBytes:]) {
		t.Fatalf("%x decodes to %+v, which encodes to %x", b, s.entry, again)
	}
	if s.follows(s.chain) != (c == s.chain) {
		t.Fatal("follows and putEntry disagree")
	}
}

func FuzzDecodeRecords(f *testing.F) {
	f.Add(appendHardState(nil, 1, raft.HardState{Term: 3, Vote: 2, Commit: 1}))
	f.Add(encodeBase(1, newBase(1, testMeta)))
	f.Add(bootstrap{identity: testIdentity, digest: "digest"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= recordHeaderBytes {
			b = sealRecord(bytes.Clone(b))
		}
		if hs, err := decodeHardState(b, 1); err == nil && !bytes.Equal(appendHardState(nil, 1, hs), b) {
			t.Fatalf("hard state %+v of %x", hs, b)
		}
		if v, err := decodeBase(b, 1); err == nil {
			// Not compared by bytes: configurations are another room's, which may read
			// more forms than it writes.
			if w, err := decodeBase(encodeBase(1, v), 1); err != nil || !reflect.DeepEqual(w, v) {
				t.Fatalf("base %+v of %x reads back as %+v, %v", v, b, w, err)
			}
		}
		if v, err := decodeBootstrap(b); err == nil && !bytes.Equal(v.encode(), b) {
			t.Fatalf("bootstrap %+v of %x", v, b)
		}
	})
}
