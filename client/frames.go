package client

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// FramesMediaType is the Content-Type of frames: a description and a content of unknown
// length that tells its end from its loss.
const FramesMediaType = "application/vnd.wraft.frames"

const (
	// frameBytesMax bounds the content of a frame.
	frameBytesMax = 256 << 10
	// frameHeadMax bounds the JSON of a description, and of an end.
	frameHeadMax = 64 << 10
)

// frameEnd is what comes behind the last frame: what it was in all, or why it is not
// whole.
type frameEnd struct {
	Bytes   uint64   `json:"bytes"`
	Sum     uint32   `json:"crc32c"` // of the description and the content
	Problem *Problem `json:"problem,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FrameWriter writes frames. Each is a 32-bit length, big-endian, and that many bytes:
// first a description in JSON, then the content, then an empty one and the end in JSON.
type FrameWriter struct {
	w   io.Writer
	end frameEnd
}

// NewFrameWriter writes the description.
func NewFrameWriter(w io.Writer, about any) (*FrameWriter, error) {
	data, err := json.Marshal(about)
	if err != nil {
		return nil, fmt.Errorf("client: encode frames: %w", err)
	}
	return &FrameWriter{w: w, end: frameEnd{Sum: crc32.Checksum(data, castagnoli)}}, writeFrame(w, data)
}

// Write writes content.
func (f *FrameWriter) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		n := min(len(b), frameBytesMax)
		if err := writeFrame(f.w, b[:n]); err != nil {
			return written, err
		}
		f.end.Bytes += uint64(n)
		f.end.Sum = crc32.Update(f.end.Sum, castagnoli, b[:n])
		b, written = b[n:], written+n
	}
	return written, nil
}

// Close ends the content; it is whole.
func (f *FrameWriter) Close() error { return f.finish() }

// Fail ends the content; it is not whole, for that reason.
func (f *FrameWriter) Fail(p *Problem) error {
	f.end.Problem = p
	return f.finish()
}

func (f *FrameWriter) finish() error {
	data, err := json.Marshal(f.end)
	if err != nil {
		return fmt.Errorf("client: encode frames: %w", err)
	}
	if err := writeFrame(f.w, nil); err != nil {
		return err
	}
	return writeFrame(f.w, data)
}

func writeFrame(w io.Writer, data []byte) error {
	// Why one write: a small frame should not become two packets.
	_, err := w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(data)), uint32(len(data))), data...))
	return err
}

// frameReader reads the content of frames.
type frameReader struct {
	r    io.Reader
	left int // of the frame
	seen frameEnd
	err  error // from then on
}

// NewFrameReader reads the description and returns the content, which ends with io.EOF
// only when all of it came as it was sent.
func NewFrameReader(r io.Reader, about any) (io.Reader, error) {
	data, err := readFrame(r, frameHeadMax)
	if err == nil {
		err = json.Unmarshal(data, about)
	}
	if err != nil {
		return nil, badFrames(err)
	}
	return &frameReader{r: r, seen: frameEnd{Sum: crc32.Checksum(data, castagnoli)}}, nil
}

// Read implements io.Reader.
func (f *frameReader) Read(p []byte) (int, error) {
	if f.err == nil && f.left == 0 {
		f.err = f.next()
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	f.seen.Bytes += uint64(n)
	f.seen.Sum = crc32.Update(f.seen.Sum, castagnoli, p[:n])
	if err != nil && !(errors.Is(err, io.EOF) && n > 0) {
		f.err = badFrames(err)
		return n, f.err
	}
	return n, nil
}

// next reads the head of a frame, or the end.
func (f *frameReader) next() error {
	size, err := frameSize(f.r)
	switch {
	case err != nil:
		return badFrames(err)
	case size > frameBytesMax:
		return badFrames(fmt.Errorf("a frame of %d bytes", size))
	case size > 0:
		f.left = size
		return nil
	}
	var end frameEnd
	data, err := readFrame(f.r, frameHeadMax)
	if err == nil {
		err = json.Unmarshal(data, &end)
	}
	switch {
	case err != nil:
		return badFrames(err)
	case end.Problem != nil:
		return end.Problem
	case end.Bytes != f.seen.Bytes || end.Sum != f.seen.Sum:
		return badFrames(fmt.Errorf("%d bytes of sum %08x came, %d of sum %08x were sent", f.seen.Bytes, f.seen.Sum, end.Bytes, end.Sum))
	}
	return io.EOF
}

func frameSize(r io.Reader) (int, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(head[:])), nil
}

func readFrame(r io.Reader, most int) ([]byte, error) {
	size, err := frameSize(r)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("a frame of %d bytes, at most %d are allowed", size, most)
	}
	data := make([]byte, size)
	_, err = io.ReadFull(r, data)
	return data, err
}

// badFrames words frames that break off or are none.
func badFrames(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return NewProblem(CodeBackupCut, "%v", err).WithCause(err)
}
