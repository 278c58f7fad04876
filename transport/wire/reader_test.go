package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// framesOf returns the samples of one class, and a large frame where there may be.
func framesOf(class transport.Class) []transport.Frame {
	var frames []transport.Frame
	for _, s := range samples() {
		if transport.ClassOf(s.frame.Payload) == class {
			frames = append(frames, s.frame)
		}
	}
	switch large := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16); class {
	case transport.ClassAppend:
		frames = append(frames, transport.Frame{Group: 9, Payload: raft.Append{Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: large}}}})
	case transport.ClassForward:
		frames = append(frames, transport.Frame{Group: 9, Payload: transport.Forward{Body: large}})
	}
	return append(frames, frames[0])
}

func encodeAll(t testing.TB, frames []transport.Frame) []byte {
	t.Helper()
	var data []byte
	for _, f := range frames {
		var err error
		if data, err = Append(data, f); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

func TestReaderReadsEveryClass(t *testing.T) {
	for class := range transport.ClassCount {
		want := framesOf(class)
		data := encodeAll(t, want)
		for name, src := range map[string]io.Reader{
			"whole":     bytes.NewReader(data),
			"in halves": iotest.HalfReader(bytes.NewReader(data)),
			"data+EOF":  iotest.DataErrReader(bytes.NewReader(data)),
		} {
			r := NewReader(src, class)
			var got []transport.Frame
			for {
				f, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%v, %s: %v", class, name, err)
				}
				got = append(got, f)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v, %s: got %d frames, want %d, or they differ", class, name, len(got), len(want))
			}
		}
	}
}

func TestReaderAtACut(t *testing.T) {
	data := encodeAll(t, []transport.Frame{{Group: 1, Payload: raft.AppendReply{Term: 3}}, {Group: 1, Payload: raft.Append{Term: 3, PrevIndex: 500, Round: 9}}})
	first := HeadBytes + int(binary.BigEndian.Uint32(data))
	for cut := range len(data) {
		r := NewReader(bytes.NewReader(data[:cut]), transport.ClassAppend)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		want := io.ErrUnexpectedEOF
		if cut == 0 || cut == first {
			want = io.EOF
		}
		if err != want {
			t.Errorf("cut at %d: %v, want %v", cut, err, want)
		}
	}
}

func TestReaderRefusesOtherClasses(t *testing.T) {
	for class := range transport.ClassCount {
		for other := range transport.ClassCount {
			_, err := NewReader(bytes.NewReader(encodeAll(t, framesOf(other))), class).Next()
			if (err == nil) != (class == other) || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("a frame of class %v in a stream of class %v: %v", other, class, err)
			}
		}
	}
}

func TestReady(t *testing.T) {
	data := encodeAll(t, []transport.Frame{{Payload: raft.Heartbeat{Term: 1}}, {Payload: raft.Heartbeat{Term: 2}}})
	in, out := io.Pipe()
	defer func() { _ = in.Close() }()
	go func() {
		_, _ = out.Write(data)
		_, _ = out.Write(data[:HeadBytes+1])
	}()
	r := NewReader(in, transport.ClassControl)
	if r.Ready() {
		t.Error("ready before anything was read")
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if !r.Ready() {
		t.Error("not ready though a whole frame is buffered")
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if r.Ready() {
		t.Error("ready though nothing is left")
	}
}

// A length alone must not make the reader allocate that much.
func TestLengthBomb(t *testing.T) {
	bomb := appendHead(nil, KindAppend)
	binary.BigEndian.PutUint32(bomb, BodyBytesMax)
	bomb = append(bomb, make([]byte, 1000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := NewReader(bytes.NewReader(bomb), transport.ClassAppend).Next()
	runtime.ReadMemStats(&after)
	if err != io.ErrUnexpectedEOF {
		t.Errorf("error is %v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 2*bodyStepBytes {
		t.Errorf("allocated %d bytes for a frame of which 1000 came", got)
	}
}

func TestReadSession(t *testing.T) {
	for _, s := range sessionSamples() {
		data, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		src := bytes.NewReader(append(bytes.Clone(data), "the file"...))
		body, err := ReadSession(src, Kind(data[5]))
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if again, err := s.decode(body); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s: %x, %v", s.name, again, err)
		}
		if src.Len() != len("the file") {
			t.Errorf("%s: %d bytes are left behind it", s.name, src.Len())
		}
		if _, err := ReadSession(bytes.NewReader(data), KindVote); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s instead of a vote: %v", s.name, err)
		}
		if _, err := ReadSession(bytes.NewReader(data[:len(data)-1]), Kind(data[5])); err != io.ErrUnexpectedEOF {
			t.Errorf("%s, cut: %v", s.name, err)
		}
	}
}
