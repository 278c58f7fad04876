package quic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

func noise(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	return data
}

func TestFilesArriveWhole(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	w.connect(a, b)
	for name, data := range map[string][]byte{"empty": nil, "small": noise(10), "large": noise(5 << 20)} {
		b.rec.hold(name, data)
		a.rec.hold(name, data)
		for _, offset := range []int{0, len(data) / 3, len(data)} {
			for _, fetcher := range []*node{a, b} {
				r, size, err := fetcher.net.OpenFile(t.Context(), 3-fetcher.id, name, int64(offset))
				if err != nil || size != int64(len(data)) {
					t.Fatalf("%s from %d: size %d, %v", name, offset, size, err)
				}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, data[offset:]) {
					t.Errorf("%s from %d: %d bytes of %d, %v", name, offset, len(got), len(data)-offset, err)
				}
				if err := errors.Join(r.Close(), r.Close()); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// failing is a file that breaks off.
type failing struct {
	memFile
	seek bool
}

func (f failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }
func (f failing) Seek(offset int64, whence int) (int64, error) {
	if f.seek {
		return 0, errors.New("disk on fire")
	}
	return f.memFile.Seek(offset, whence)
}

func TestFileErrors(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	w.connect(a, b)
	b.rec.hold("f", noise(100))
	serve := func(name string, f func() (io.ReadSeekCloser, int64, error)) { b.rec.files[name] = f }
	b.rec.mu.Lock()
	serve("fails", func() (io.ReadSeekCloser, int64, error) { return nil, 0, errors.New("disk on fire") })
	serve("no seek", func() (io.ReadSeekCloser, int64, error) { return failing{seek: true}, 10, nil })
	serve("no read", func() (io.ReadSeekCloser, int64, error) {
		return failing{memFile: memFile{bytes.NewReader(noise(10))}}, 10, nil
	})
	serve("short", func() (io.ReadSeekCloser, int64, error) { return memFile{bytes.NewReader(noise(10))}, 20, nil })
	b.rec.mu.Unlock()
	for what, row := range map[string]struct {
		peer   raft.NodeID
		name   string
		offset int64
		want   error
		text   string
	}{
		"not found":    {2, "g", 0, transport.ErrNotFound, ""},
		"stranger":     {9, "f", 0, transport.ErrUnknownPeer, ""},
		"behind end":   {2, "f", 101, nil, "behind the end"},
		"negative":     {2, "f", -1, nil, "negative"},
		"long name":    {2, strings.Repeat("n", 256), 0, nil, "too large"},
		"cannot open":  {2, "fails", 0, nil, "could not read"},
		"cannot seek":  {2, "no seek", 1, nil, "could not read"},
		"still usable": {2, "f", 100, nil, "-"},
	} {
		r, _, err := a.net.OpenFile(t.Context(), row.peer, row.name, row.offset)
		if row.text == "-" {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			} else {
				_ = r.Close()
			}
			continue
		}
		if err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"no read", "short"} {
		r, _, err := a.net.OpenFile(t.Context(), 2, name, 0)
		if err != nil {
			continue // the end of the stream overtook the answer
		}
		if got, err := io.ReadAll(r); err == nil {
			t.Errorf("%s: it seemed complete after %d bytes", name, len(got))
		}
		_ = r.Close()
	}
	if up := a.net.Links()[0].Up; !up {
		t.Error("the link fell")
	}
}

func TestServesAreBounded(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, func(c *Config) { c.ServesMax = 2 })
	w.connect(a, b)
	b.rec.hold("f", noise(20<<20)) // more than the windows hold, so that serving lasts
	var open []io.ReadCloser
	for range 2 {
		r, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
	}
	if _, _, err := a.net.OpenFile(t.Context(), 2, "f", 0); !errors.Is(err, transport.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	_ = open[0].Close()
	// The serving side learns of the close a moment later.
	deadline := time.Now().Add(patience)
	for {
		r, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
		if err == nil {
			open[0] = r
			break
		}
		if !errors.Is(err, transport.ErrBusy) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, r := range open {
		_ = r.Close()
	}
}

func TestFetchesAreBounded(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	w.connect(a, b)
	b.rec.hold("f", noise(20<<20))
	var open []io.ReadCloser
	for range fetchesPerPeer {
		r, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := a.net.OpenFile(ctx, 2, "f", 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one too many: %v", err)
	}
	// Files that nobody reads must not hold up appends.
	const appends = connectionWindowBytes/2>>20 + 2
	data := noise(1 << 20)
	for i := range appends {
		b.send(a, raft.Append{PrevIndex: raft.Index(i), Entries: []raft.Entry{{Index: raft.Index(i + 1), Type: raft.EntryCommand, Data: data}}})
		a.rec.untilFrames(t, 2, i+1)
	}
	for _, r := range open {
		_ = r.Close()
	}
}

func TestFileEndsWithTheConnectionAndResumes(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	w.connect(a, b)
	want := noise(20 << 20)
	b.rec.hold("f", want)
	r, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1<<20)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	at := b.conn.LocalAddr()
	b.close()
	rest, err := io.ReadAll(r)
	if !errors.Is(err, transport.ErrNotConnected) {
		t.Errorf("after the peer closed: %v", err)
	}
	_ = r.Close()
	got = append(got, rest...)
	a.rec.untilDown(t, 2)
	if _, _, err := a.net.OpenFile(t.Context(), 2, "f", 0); !errors.Is(err, transport.ErrNotConnected) {
		t.Errorf("without a connection: %v", err)
	}
	b.start(at)
	b.rec.hold("f", want)
	w.connect(a, b)
	r, _, err = a.net.OpenFile(t.Context(), 2, "f", int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	rest, err = io.ReadAll(r)
	if err != nil || !bytes.Equal(append(got, rest...), want) {
		t.Errorf("resumed at %d: %v, or the bytes differ", len(got), err)
	}
	_ = r.Close()
}
