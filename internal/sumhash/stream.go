package sumhash

import "github.com/zeebo/xxh3"

// Stream hashes bytes that come one after the other.
type Stream struct{ hasher *xxh3.Hasher }

// NewStream returns a stream of nothing.
func NewStream() *Stream { return &Stream{hasher: xxh3.New()} }

// Write implements io.Writer and never fails.
func (s *Stream) Write(b []byte) (int, error) { return s.hasher.Write(b) }

// Sum is the hash of what was written so far: Bytes(Of(it)).
func (s *Stream) Sum() [16]byte { return Bytes(s.hasher.Sum128()) }
