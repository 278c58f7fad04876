package main

import (
	"encoding/binary"
	"math"
)

// Major types of CBOR (RFC 8949 §3.1) and the simple values in use.
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4

	simpleFalse = 0xf4
	simpleTrue  = 0xf5
	simpleNull  = 0xf6
)

// reader decodes the few shapes that commands have. A library that decodes
// everything takes twenty times as long in WebAssembly; the tests compare this
// one with such a library. After a failure it keeps failing.
type reader struct {
	rest   []byte
	failed bool
}

// head reads an item's head of the given major type and returns its argument.
// Indefinite lengths are refused.
func (r *reader) head(major byte) uint64 {
	if r.failed || len(r.rest) == 0 || r.rest[0]>>5 != major {
		return r.fail()
	}
	info := r.rest[0] & 0x1f
	if info < 24 {
		r.rest = r.rest[1:]
		return uint64(info)
	}
	size := 1 << (info - 24)
	if info > 27 || len(r.rest) < 1+size {
		return r.fail()
	}
	var padded [8]byte
	copy(padded[8-size:], r.rest[1:1+size])
	r.rest = r.rest[1+size:]
	return binary.BigEndian.Uint64(padded[:])
}

func (r *reader) fail() uint64 {
	r.failed = true
	return 0
}

// array expects an array of exactly n items.
func (r *reader) array(n uint64) {
	if r.head(majorArray) != n {
		r.failed = true
	}
}

func (r *reader) text() []byte { return r.take(r.head(majorText)) }

// bytesOrNull returns nil for null and a non-nil slice otherwise.
func (r *reader) bytesOrNull() []byte {
	if !r.failed && len(r.rest) > 0 && r.rest[0] == simpleNull {
		r.rest = r.rest[1:]
		return nil
	}
	return r.take(r.head(majorBytes))
}

func (r *reader) take(n uint64) []byte {
	if r.failed || n > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// appendHead appends an item's head in its shortest form.
func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(appendHead(b, majorBytes, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, simpleTrue)
	}
	return append(b, simpleFalse)
}
