package plugins

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
)

// ErrImage is what every refusal of an image is (errors.Is): it is damaged, or of
// another run, or not the one that follows. Get another.
var ErrImage = errors.New("plugins: not an image for this")

// Layout of an image, all numbers little-endian; docs/FORMAT.md spells it out.
const (
	imageMagic   = "wraftimg"
	imageVersion = 1
	// runZero marks a run of blocks that are zero, whose bytes are left out.
	runZero = 1 << 31
)

// imageHeader is a machine's state but for its memory. With it, it is all that a copy
// needs to go on exactly as the original would: tables never change and segments are
// never dropped (packages wasm and instrument see to that), the engine's own stack is
// empty between calls, budgets and random streams start afresh with each call, and
// the dirty map only says what was touched.
type imageHeader struct {
	run         RunID
	state, base StateHash // base is zero in a full image
	moment      Moment
	clock       int64
	memory      int // bytes
	globals     []uint64
	dropped     EventKey
	events      []Event
}

func (h *imageHeader) full() bool { return h.base == StateHash{} }

// imageWriter writes an image and remembers the first error.
type imageWriter struct {
	w       io.Writer
	sum     *xxh3.Hasher
	full    bool
	written int64
	err     error
}

func newImageWriter(w io.Writer) *imageWriter { return &imageWriter{w: w, sum: xxh3.New()} }

func (o *imageWriter) bytes(b []byte) {
	if o.err != nil {
		return
	}
	_, _ = o.sum.Write(b) // a hash never fails
	n, err := o.w.Write(b)
	o.written, o.err = o.written+int64(n), err
}

func (o *imageWriter) header(h *imageHeader) {
	o.full = h.full()
	b := append([]byte(imageMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(imageMagic):], imageVersion)
	b = append(append(append(b, h.run[:]...), h.state[:]...), h.base[:]...)
	for _, v := range []uint64{
		h.moment.Index, uint64(h.moment.Time), uint64(h.moment.WallTime), uint64(h.clock), uint64(h.memory),
		h.dropped.Index, uint64(h.dropped.N),
	} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.globals)))
	for _, v := range h.globals {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.events)))
	for _, e := range h.events {
		b = binary.LittleEndian.AppendUint64(b, e.Index)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.N))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Data)))
		b = append(b, e.Data...)
	}
	o.bytes(b)
}

// blocks writes blocks that follow on each other, those of zeros as runs without
// bytes; in a full image they are left out.
func (o *imageWriter) blocks(first uint32, data []byte) {
	for len(data) > 0 {
		zero, n := isZero(data[:blockBytes]), 1
		for n*blockBytes < len(data) && isZero(data[n*blockBytes:][:blockBytes]) == zero {
			n++
		}
		o.run(first, data[:n*blockBytes], zero)
		first, data = first+uint32(n), data[n*blockBytes:]
	}
}

func (o *imageWriter) run(first uint32, data []byte, zero bool) {
	count := uint32(len(data) / blockBytes)
	if zero && o.full {
		return
	}
	if zero {
		count |= runZero
	}
	b := binary.LittleEndian.AppendUint32(nil, count)
	o.bytes(binary.LittleEndian.AppendUint32(b, first))
	if !zero {
		o.bytes(data)
	}
}

// finish writes the end of the runs and the sum of everything before.
func (o *imageWriter) finish() {
	o.bytes(make([]byte, 4))
	sum := o.sum.Sum128().Bytes()
	o.bytes(sum[:])
}

// imageReader reads an image and remembers the first error.
type imageReader struct {
	r   io.Reader
	sum *xxh3.Hasher
	err error
}

func newImageReader(r io.Reader) *imageReader { return &imageReader{r: r, sum: xxh3.New()} }

func (in *imageReader) fill(b []byte) {
	if in.err != nil {
		clear(b)
		return
	}
	if _, err := io.ReadFull(in.r, b); err != nil {
		clear(b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it ends too soon", ErrImage)
		}
		in.err = err
		return
	}
	_, _ = in.sum.Write(b)
}

func (in *imageReader) uint32() uint32 {
	var b [4]byte
	in.fill(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

func (in *imageReader) uint64() uint64 {
	var b [8]byte
	in.fill(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// fail remembers that the image is wrong, unless something was before.
func (in *imageReader) fail(format string, args ...any) {
	if in.err == nil {
		in.err = fmt.Errorf("%w: "+format, append([]any{ErrImage}, args...)...)
	}
}

// header reads what header wrote. globals is how many there are, ringMax how many
// bytes of events there may be.
func (in *imageReader) header(globals, ringMax int) (h imageHeader) {
	magic := make([]byte, len(imageMagic))
	in.fill(magic)
	if version := in.uint32(); string(magic) != imageMagic || version != imageVersion {
		in.fail("it begins with %q, version %d; expected %q, version %d", magic, version, imageMagic, imageVersion)
	}
	in.fill(h.run[:])
	in.fill(h.state[:])
	in.fill(h.base[:])
	h.moment = Moment{Index: in.uint64(), Time: int64(in.uint64()), WallTime: int64(in.uint64())}
	h.clock = int64(in.uint64())
	h.memory = int(min(in.uint64(), 1<<62))
	h.dropped = EventKey{Index: in.uint64(), N: int(min(in.uint64(), 1<<62))}
	if n := in.uint32(); int64(n) != int64(globals) {
		in.fail("it has %d globals, the module %d", n, globals)
		return h
	}
	for range globals {
		h.globals = append(h.globals, in.uint64())
	}
	in.events(&h, ringMax)
	return h
}

func (in *imageReader) events(h *imageHeader, ringMax int) {
	last, bytes := h.dropped, 0
	for n := in.uint32(); n > 0 && in.err == nil; n-- {
		e := Event{Index: in.uint64(), N: int(min(in.uint64(), 1<<62))}
		size := in.uint32()
		if bytes += eventOverheadBytes; int64(bytes)+int64(size) > int64(ringMax) {
			in.fail("more than %d bytes of events", ringMax)
			return
		}
		if last != (EventKey{}) && e.Key().Compare(last) <= 0 {
			in.fail("event %d of entry %d follows event %d of entry %d", e.N, e.Index, last.N, last.Index)
			return
		}
		e.Data = make([]byte, size)
		in.fill(e.Data)
		bytes, last = bytes+int(size), e.Key()
		h.events = append(h.events, e)
	}
}

// blocks reads runs into memory, which is that of the state, and calls changed for
// the blocks of each.
func (in *imageReader) blocks(memory []byte, changed func(first, count uint32)) {
	blocks, next := uint64(len(memory)/blockBytes), uint64(0)
	for in.err == nil {
		count := in.uint32()
		if count == 0 {
			return
		}
		zero := count&runZero != 0
		count &^= runZero
		first := in.uint32()
		if in.err != nil {
			return
		}
		if uint64(first) < next || uint64(first)+uint64(count) > blocks || count == 0 {
			in.fail("blocks %d to %d of %d, behind block %d", first, uint64(first)+uint64(count), blocks, next)
			return
		}
		next = uint64(first) + uint64(count)
		run := memory[int(first)*blockBytes : int(next)*blockBytes]
		if zero {
			clear(run)
		} else {
			in.fill(run)
		}
		changed(first, count)
	}
}

// finish checks the sum of everything before it.
func (in *imageReader) finish() error {
	want := in.sum.Sum128().Bytes()
	var got [16]byte
	in.fill(got[:])
	if in.err == nil && got != want {
		in.fail("its checksum is wrong")
	}
	return in.err
}
