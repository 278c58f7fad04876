package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/sdk/go"
)

// encode makes a command with a library, so that the store's own decoder is
// held against another one; nil operands are null.
func encode(t *testing.T, operation string, operands ...[]byte) []byte {
	t.Helper()
	items := []any{operation, nil, nil, nil}
	for i, o := range operands {
		if o != nil {
			items[i+1] = o
		}
	}
	b, err := cbor.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// apply runs a command and returns its result in CBOR's diagnostic notation.
func apply(t *testing.T, s *store, operation string, operands ...[]byte) string {
	t.Helper()
	b, err := s.Apply((&wraft.Fake{}).Context(), encode(t, operation, operands...))
	if err != nil {
		return "error: " + err.Error()
	}
	text, err := cbor.Diagnose(b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func bs(s string) []byte { return []byte(s) }

func TestOperations(t *testing.T) {
	s := newStore()
	for _, step := range []struct {
		operation string
		operands  [][]byte
		want      string
	}{
		{"get", [][]byte{bs("a")}, "null"},
		{"put", [][]byte{bs("a"), bs("1")}, "null"},
		{"get", [][]byte{bs("a")}, "h'31'"},
		{"append", [][]byte{bs("a"), bs("23")}, "3"},
		{"append", [][]byte{bs("b"), bs("xy")}, "2"},
		{"append", [][]byte{bs("empty"), nil}, "0"},
		{"get", [][]byte{bs("empty")}, "h''"},
		{"get", [][]byte{bs("a")}, "h'313233'"},
		{"cas", [][]byte{bs("a"), bs("new"), bs("wrong")}, "false"},
		{"cas", [][]byte{bs("a"), bs("new"), nil}, "false"},
		{"cas", [][]byte{bs("a"), bs("new"), bs("123")}, "true"},
		{"cas", [][]byte{bs("c"), bs("born"), nil}, "true"},
		{"cas", [][]byte{bs("c"), bs("born"), nil}, "false"},
		{"cas", [][]byte{bs("c"), nil, bs("born")}, "true"},
		{"get", [][]byte{bs("c")}, "null"},
		{"delete", [][]byte{bs("b")}, "true"},
		{"delete", [][]byte{bs("b")}, "false"},
		{"scan", [][]byte{nil}, "[false, [[h'61', h'6e6577'], [h'656d707479', h'']]]"},
		{"scan", [][]byte{bs("a")}, "[false, [[h'61', h'6e6577']]]"},
		{"scan", [][]byte{nil, bs("a")}, "[false, [[h'656d707479', h'']]]"},
		{"rename", [][]byte{bs("a")}, `error: unknown operation "rename"; use put, append, cas, delete, get or scan`},
	} {
		if got := apply(t, s, step.operation, step.operands...); got != step.want {
			t.Errorf("%s %q: got %s, want %s", step.operation, step.operands, got, step.want)
		}
	}
}

func TestBadCommands(t *testing.T) {
	s := newStore()
	ctx := (&wraft.Fake{}).Context()
	deep := bytes.Repeat([]byte{0x81}, 100)
	for name, c := range map[string]struct {
		command []byte
		status  int32
	}{
		"nothing":       {nil, 0},
		"text":          {bs("put a 1"), 0},
		"short array":   {[]byte{0x81, 0x63, 'g', 'e', 't'}, 0},
		"deep":          {deep, 0},
		"huge length":   {[]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0},
		"trailing byte": {append(encode(t, "get", bs("k")), 0), 0},
		"text key":      {[]byte{0x84, 0x63, 'g', 'e', 't', 0x61, 'k', 0xf6, 0xf6}, 0},
		"indefinite":    {[]byte{0x9f, 0x63, 'g', 'e', 't', 0x41, 'k', 0xf6, 0xf6, 0xff}, 0},
		"long key":      {encode(t, "put", make([]byte, keyBytesMax+1)), statusTooLarge},
		"long value":    {encode(t, "put", bs("k"), make([]byte, valueBytesMax+1)), statusTooLarge},
		"unknown verb":  {encode(t, "frob", bs("k")), statusUnknown},
	} {
		_, err := s.Apply(ctx, c.command)
		var failure *wraft.Error
		if err == nil || errors.As(err, &failure) != (c.status != 0) || failure != nil && failure.Status != c.status {
			t.Errorf("%s: error %v, want status %d", name, err, c.status)
		}
	}
	if len(s.pairs) != 0 {
		t.Errorf("bad commands left %d keys", len(s.pairs))
	}
	if _, err := s.Query(ctx, encode(t, "put", bs("k"), bs("v"))); err == nil || len(s.pairs) != 0 {
		t.Errorf("a query wrote: %v", err)
	}
}

func TestValuesDoNotShareTheInputBuffer(t *testing.T) {
	s := newStore()
	b := encode(t, "put", bs("k"), bs("value"))
	if _, err := s.Apply((&wraft.Fake{}).Context(), b); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if got := string(s.pairs["k"].value); got != "value" {
		t.Errorf("the value became %q when the buffer was reused", got)
	}
}

func TestAppendStopsAtTheLimit(t *testing.T) {
	s := newStore()
	s.put(bs("k"), make([]byte, valueBytesMax-1))
	if got := apply(t, s, "append", bs("k"), bs("x")); got != fmt.Sprint(valueBytesMax) {
		t.Errorf("append up to the limit: %s", got)
	}
	if got := apply(t, s, "append", bs("k"), bs("x")); !strings.HasPrefix(got, "error: ") {
		t.Errorf("append over the limit: %s", got)
	}
}

func TestScanPages(t *testing.T) {
	s := newStore()
	for i := range 3 * scanItemsMax / 2 {
		s.put(fmt.Appendf(nil, "key-%04d", i), bs("v"))
	}
	var seen int
	for after, more := []byte(nil), true; more; {
		b, err := s.Query((&wraft.Fake{}).Context(), encode(t, "scan", bs("key-"), after))
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			_     struct{} `cbor:",toarray"`
			More  bool
			Items []struct {
				_     struct{} `cbor:",toarray"`
				Key   []byte
				Value []byte
			}
		}
		if err := cbor.Unmarshal(b, &p); err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			if want := fmt.Sprintf("key-%04d", seen); string(it.Key) != want {
				t.Fatalf("item %d is %s, want %s", seen, it.Key, want)
			}
			seen++
		}
		more, after = p.More, p.Items[len(p.Items)-1].Key
	}
	if seen != 3*scanItemsMax/2 {
		t.Errorf("scanned %d keys", seen)
	}
}

func TestSnapshotIsCanonical(t *testing.T) {
	a, b := newStore(), newStore()
	for i := range 100 {
		a.put(fmt.Appendf(nil, "k%d", i), bs("v"))
		b.put(fmt.Appendf(nil, "k%d", 99-i), bs("v"))
	}
	first, second := export(t, a), export(t, b)
	if !bytes.Equal(first, second) {
		t.Error("equal contents give different snapshots")
	}
	c := newStore()
	if err := c.Restore(bytes.NewReader(first), 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(export(t, c), first) {
		t.Error("a restored store gives another snapshot")
	}
	for n := range first {
		err := newStore().Restore(bytes.NewReader(first[:n]), 0)
		if err == nil || n > len(snapshotMagic)+8 && !strings.HasSuffix(err.Error(), "of 100: the snapshot is cut off") {
			t.Fatalf("the first %d of %d bytes: error %v", n, len(first), err)
		}
	}
	if err := newStore().Restore(bytes.NewReader(append(first, 0)), 0); err == nil {
		t.Error("a snapshot with a byte too many was restored")
	}
}

func export(t *testing.T, s *store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzParse holds the decoder against a library: whatever it takes for a
// command, the library must read alike.
func FuzzParse(f *testing.F) {
	f.Add([]byte{0x84, 0x63, 'p', 'u', 't', 0x41, 'k', 0x41, 'v', 0xf6})
	f.Add([]byte{0x84, 0x78, 3, 'c', 'a', 's', 0x59, 0, 1, 'k', 0xf6, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parse(b)
		if err != nil {
			return
		}
		var want struct {
			_                    struct{} `cbor:",toarray"`
			Operation            string
			Key, Value, Expected []byte
		}
		lax, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
		if err != nil {
			t.Fatal(err)
		}
		if err := lax.Unmarshal(b, &want); err != nil {
			t.Fatalf("%x: accepted, but the library says %v", b, err)
		}
		if string(c.operation) != want.Operation || !bytes.Equal(c.key, want.Key) || !bytes.Equal(c.value, want.Value) || !bytes.Equal(c.expected, want.Expected) {
			t.Fatalf("%x: got %q, want %q", b, c, want)
		}
	})
}
