package wire

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// request is one with every field in use, and answer too.
func request() *Request {
	return &Request{
		ID: 7, Kind: KindQuery, Machine: "kv", Data: []byte("data"), TimeoutMillis: 9500, Session: math.MaxUint64, Sequence: 2, AcknowledgedBelow: 1,
		Consistency: Stale, MinIndex: 12, WaitMillis: 50, Direct: true, Export: true, MaxStalenessMillis: 70, Key: "key",
		Commands: []BatchCommand{{Data: []byte("a"), Key: "k"}, {Data: []byte{}}}, After: &Place{Index: 9, Number: math.MaxUint32},
		TraceParent: "00-1-2-01", TraceState: "a=1",
	}
}

func answer() *Answer {
	return &Answer{
		ID: 7, Data: []byte("data"), Problem: []byte("{}"), RetryAfterMillis: 1000, Index: 3, Term: 2, Replayed: true, Leader: "h:1",
		Session: 5, Applied: 9, StalenessMillis: -1, Results: []BatchResult{{Data: []byte("x"), Index: 4, Term: 2, Replayed: true}, {Problem: []byte("{}")}},
		Events: []Event{{Index: 3, Number: 1, Data: []byte("e")}}, At: &Place{Index: 3, Number: 1}, More: true,
	}
}

func frame(t testing.TB, message any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Append(&b, message); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFramesReadBack(t *testing.T) {
	stream := bytes.NewReader(append(frame(t, request()), frame(t, answer())...))
	size, err := ReadSize(stream, 1000)
	if err != nil {
		t.Fatal(err)
	}
	body, err := ReadBody(stream, size)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeRequest(body); err != nil || !reflect.DeepEqual(got, request()) {
		t.Errorf("%+v, %v", got, err)
	}
	if size, err = ReadSize(stream, 1000); err != nil {
		t.Fatal(err)
	}
	if body, err = ReadBody(stream, size); err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeAnswer(body); err != nil || !reflect.DeepEqual(got, answer()) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ReadSize(stream, 1000); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the stream is %v", err)
	}
}

// TestBytesOfFrames: the examples of docs/FORMAT.md.
func TestBytesOfFrames(t *testing.T) {
	for want, message := range map[string]any{
		"00000012" + "a501010201036163" + "0444696e6372" + "05192710":                            &Request{ID: 1, Kind: KindCommand, Machine: "c", Data: []byte("incr"), TimeoutMillis: 10000},
		"00000005" + "a2010a0205":                                                                &Request{ID: 10, Kind: KindCancel},
		"0000000a" + "a40101024131" + "05030602":                                                 &Answer{ID: 1, Data: []byte("1"), Index: 3, Term: 2},
		"00000013" + "a401010207036163" + "1082" + "82" + "4161" + "60" + "82" + "4162" + "616b": &Request{ID: 1, Kind: KindBatch, Machine: "c", Commands: []BatchCommand{{Data: []byte("a")}, {Data: []byte("b"), Key: "k"}}},
		"00000010" + "a501010208036163" + "0b191388" + "11820c00":                                &Request{ID: 1, Kind: KindEvents, Machine: "c", WaitMillis: 5000, After: &Place{Index: 12}},
	} {
		if got := hex.EncodeToString(frame(t, message)); got != want {
			t.Errorf("%+v is %s, want %s", message, got, want)
		}
	}
}

func TestMalformedFramesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no map": "01", "no ID": "a10201", "ID 0": "a201000201", "no kind": "a10101", "another kind": "a201010209",
		"unknown field": "a301010201181f01", "a short command": "a30101020710818141" + "61", "a long place": "a301010208" + "1183010203", "a wide place": "a301010208" + "11821b00000001000000001b0000000100000000", "twice the ID": "a3010101020201", "indefinite length": "bf01010201ff", "a tag": "a20101c20201",
		"more behind it": "a20101020100", "not UTF-8": "a30101020103" + "61ff", "deep": "a3010102010481818181818101",
	} {
		body, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := DecodeRequest(body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	// A newer node may say more.
	if a, err := DecodeAnswer([]byte{0xa2, 0x01, 0x01, 0x18, 0x63, 0x01}); err != nil || a.ID != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLengthsAreBounded(t *testing.T) {
	for _, head := range []string{"\x00\x00\x00\x00", "\x00\x00\x04\x01", "\xff\xff\xff\xff"} {
		if n, err := ReadSize(strings.NewReader(head), 1024); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: %d, %v", head, n, err)
		}
	}
	if n, err := ReadSize(strings.NewReader("\x00\x00\x04\x00"), 1024); n != 1024 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestALengthAloneCostsLittle(t *testing.T) {
	if _, err := ReadBody(strings.NewReader("few bytes"), 1<<30); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ReadBody(strings.NewReader("few bytes"), 1<<30)
		}
	})
	if n := result.AllocedBytesPerOp(); n > 2*stepBytes {
		t.Errorf("a length without bytes costs %d bytes ", n)
	}
	whole := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	if got, err := ReadBody(iotest.HalfReader(bytes.NewReader(whole)), len(whole)); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// gate is a writer that lets through one write per token.
type gate struct {
	tokens chan struct{}
	mu     sync.Mutex
	writes [][]byte
}

func (g *gate) Write(p []byte) (int, error) {
	if _, ok := <-g.tokens; !ok {
		return 0, io.ErrClosedPipe
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes = append(g.writes, bytes.Clone(p))
	return len(p), nil
}

func TestOutboxWritesWhatWaitsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{tokens: make(chan struct{})}
		o := NewOutbox(g)
		ended := make(chan error, 1)
		go func() { ended <- o.Run() }()
		for id := range uint64(3) {
			if err := o.Send(t.Context(), &Answer{ID: id}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the first is being written, the others wait
		}
		g.tokens <- struct{}{}
		synctest.Wait()
		if o.Idle() {
			t.Error("an outbox that is writing calls itself idle")
		}
		g.tokens <- struct{}{}
		synctest.Wait()
		if !o.Idle() {
			t.Error("an empty outbox does not call itself idle")
		}
		if len(g.writes) != 2 || !bytes.Equal(g.writes[1], append(frame(t, &Answer{ID: 1}), frame(t, &Answer{ID: 2})...)) {
			t.Errorf("written was % x", g.writes)
		}
		o.Close(nil)
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("Run ends with %v", err)
		}
		if err := o.Send(t.Context(), &Answer{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after the end: %v", err)
		}
	})
}

func TestOutboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{tokens: make(chan struct{})}
		o := NewOutbox(g)
		ended := make(chan error, 1)
		go func() { ended <- o.Run() }()
		big := &Answer{Data: make([]byte, OutboxBytesMax)}
		send := func() {
			if err := o.Send(t.Context(), big); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		send()
		send() // one is being written, one waits
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp, sent := make(chan error, 1), make(chan error, 1)
		go func() { gaveUp <- o.Send(ctx, big) }()
		go func() { sent <- o.Send(t.Context(), &Answer{ID: 9}) }()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		select {
		case err := <-sent:
			t.Fatalf("a full outbox took more: %v", err)
		default:
		}
		g.tokens <- struct{}{}
		if err := <-sent; err != nil {
			t.Errorf("%v", err)
		}
		close(g.tokens)
		if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Run ends with %v", err)
		}
		if err := o.Send(t.Context(), big); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Send after a failed write: %v", err)
		}
	})
}

// FuzzDecode: whatever comes is refused or is what its encoding says.
func FuzzDecode(f *testing.F) {
	f.Add(frame(f, request()))
	f.Add(frame(f, answer()))
	f.Add([]byte{0, 0, 0, 3, 0xa1, 1, 1})
	f.Add(frame(f, &Request{ID: 1, Kind: KindToken, Data: []byte("wt_1")}))
	f.Add(frame(f, &Request{ID: 1, Kind: KindBatch, Commands: make([]BatchCommand, ListMax)}))
	f.Add(frame(f, &Answer{ID: 1, Results: []BatchResult{{Problem: []byte("{}")}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		stream := bytes.NewReader(data)
		size, err := ReadSize(stream, 1<<16)
		if err != nil {
			return
		}
		body, err := ReadBody(stream, size)
		if err != nil {
			return
		}
		if r, err := DecodeRequest(body); err == nil {
			again, err := DecodeRequest(frame(t, r)[HeadBytes:])
			if err != nil || !bytes.Equal(frame(t, again), frame(t, r)) {
				t.Fatalf("%+v became %+v, %v", r, again, err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		if a, err := DecodeAnswer(body); err == nil {
			if again, err := DecodeAnswer(frame(t, a)[HeadBytes:]); err != nil || !bytes.Equal(frame(t, again), frame(t, a)) {
				t.Fatalf("%+v became %+v, %v", a, again, err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}
