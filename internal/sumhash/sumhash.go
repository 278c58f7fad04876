package sumhash

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Sum is a sum of hashes modulo 2^128. The zero value is that of nothing.
type Sum struct{ hi, lo uint64 }

// Part is the hash of one part. The zero value counts for nothing.
type Part = xxh3.Uint128

// Of hashes what identifies a part and its bytes.
func Of(bytes []byte) Part { return xxh3.Hash128(bytes) }

// Add puts a part in.
func (s *Sum) Add(p Part) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, p.Lo, 0)
	s.hi, _ = bits.Add64(s.hi, p.Hi, carry)
}

// Remove takes a part out that was added.
func (s *Sum) Remove(p Part) {
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, p.Lo, 0)
	s.hi, _ = bits.Sub64(s.hi, p.Hi, borrow)
}

// Append appends the sum to b: 16 bytes, little-endian.
func (s Sum) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, s.lo), s.hi)
}

// Bytes returns a part as 16 bytes, little-endian.
func Bytes(p Part) [16]byte {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], p.Lo)
	binary.LittleEndian.PutUint64(b[8:], p.Hi)
	return b
}
