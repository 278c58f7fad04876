package node

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// numbered is a source of chunks, each filled with its number from 1, up to an error.
type numbered struct {
	sizes  []int
	end    error
	given  int
	closed int
}

func (s *numbered) Next(room []byte) ([]byte, error) {
	if s.given == len(s.sizes) {
		return nil, s.end
	}
	n := s.sizes[s.given]
	s.given++
	if cap(room) < n {
		room = make([]byte, n)
	}
	for i := range room[:n] {
		room[i] = byte(s.given)
	}
	return room[:n], nil
}

func (s *numbered) Close() error {
	s.closed++
	return nil
}

// all is what a source gives.
func (s *numbered) all() (out []byte) {
	for k, n := range s.sizes {
		out = append(out, bytes.Repeat([]byte{byte(k + 1)}, n)...)
	}
	return out
}

// TestReadAheadGivesWhatThereIs: all chunks in order, whatever their sizes, in pieces of any
// size, and then the error, again and again. A chunk is not written over while it is read.
func TestReadAheadGivesWhatThereIs(t *testing.T) {
	broken := errors.New("broken")
	for _, end := range []error{io.EOF, broken} {
		for _, sizes := range [][]int{nil, {1}, {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, {1, 900, 3, 20, 4000, 1, 1, 1, 1, 1}} {
			for name, pieces := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader,
			} {
				s := &numbered{sizes: sizes, end: end}
				r := newReadAhead(s)
				got, err := io.ReadAll(pieces(r))
				if !bytes.Equal(got, s.all()) || end == broken && !errors.Is(err, broken) || end == io.EOF && err != nil {
					t.Errorf("%s of %v: %d bytes, %v", name, sizes, len(got), err)
				}
				for range 2 {
					if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, end) {
						t.Errorf("behind the end: %d bytes, %v", n, err)
					}
				}
				if err := r.Close(); err != nil || s.closed != 1 {
					t.Errorf("closed %d times, %v", s.closed, err)
				}
			}
		}
	}
}

// TestReadAheadIsBounded: nobody reads, and so many chunks are read and no more; Close ends
// it wherever it is, and the source is closed behind it.
func TestReadAheadIsBounded(t *testing.T) {
	for _, reads := range []int{0, 1, 5} {
		synctest.Test(t, func(t *testing.T) {
			s := &numbered{sizes: bytes10(100), end: io.EOF}
			r := newReadAhead(s)
			if _, err := io.ReadFull(r, make([]byte, 10*reads)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			// Why one less before the first: the reader has no chunk that it could give back.
			if want := reads + readAheadChunks - 1; s.given != want {
				t.Errorf("behind %d chunks %d were read, want %d", reads, s.given, want)
			}
			if err := r.Close(); err != nil || s.closed != 1 {
				t.Errorf("closed %d times, %v", s.closed, err)
			}
		})
	}
}

// bytes10 is the sizes of n chunks of ten bytes.
func bytes10(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 10
	}
	return out
}
