package wasm

import (
	"fmt"
	"unicode/utf8"
)

// reader is a cursor over the binary. It never leaves bytes[pos:end]. The
// first thing that goes wrong is kept in refusal, and from then on every read
// returns zero, so callers check once per loop instead of once per byte.
type reader struct {
	bytes    []byte
	pos      int
	end      int // of the current section or body
	function int // NoFunction outside of bodies
	refusal  *Refusal
	// rewritten is Limits.Rewritten.
	rewritten bool
}

// most is the bound of a count that rewriting may have raised.
func (r *reader) most(limit int) int {
	if r.rewritten {
		return limit*rewrittenFactor + rewrittenMore
	}
	return limit
}

// mostBytes is the bound of one body's bytes.
func (r *reader) mostBytes() uint32 {
	if r.rewritten {
		return bodyBytesMax * rewrittenBytesFactor
	}
	return bodyBytesMax
}

func (r *reader) ok() bool { return r.refusal == nil }

// left returns how many bytes remain before the end of the current section.
func (r *reader) left() int { return r.end - r.pos }

// refuse keeps the first refusal, completed with where the reader stands.
func (r *reader) refuse(f *Refusal) {
	if r.refusal != nil {
		return
	}
	f.Function, f.Offset = r.function, r.pos
	r.refusal = f
}

func (r *reader) malformed(format string, args ...any) {
	r.refuse(&Refusal{Rule: RuleMalformed, What: fmt.Sprintf(format, args...), Why: "the binary breaks the WebAssembly format", Hint: "rebuild it; the file may be damaged"})
}

func (r *reader) truncated(what string) {
	r.refuse(&Refusal{Rule: RuleTruncated, What: "truncated: the input ends inside " + what, Why: "the file is incomplete", Hint: "copy or build it again"})
}

// short is called when the current section has fewer bytes than wanted.
func (r *reader) short(what string) {
	if r.end == len(r.bytes) {
		r.truncated(what)
		return
	}
	r.malformed("%s runs over the end of its section", what)
}

func (r *reader) byte(what string) byte {
	if !r.ok() {
		return 0
	}
	if r.pos >= r.end {
		r.short(what)
		return 0
	}
	b := r.bytes[r.pos]
	r.pos++
	return b
}

// within refuses an index that names nothing.
//
// Why: most of what an engine checks is left to it, but it checks what the pass
// has made of a binary. The pass adds globals, locals and blocks behind those of
// the module: an index one too high would be the budget of fuel.
func (r *reader) within(what string, index uint32, n int) bool {
	if r.ok() && uint64(index) >= uint64(n) {
		r.malformed("%s %d does not exist, there are %d", what, index, n)
	}
	return r.ok()
}

func (r *reader) skip(n int, what string) {
	if !r.ok() {
		return
	}
	if n < 0 || n > r.left() {
		r.short(what)
		return
	}
	r.pos += n
}

// unsigned reads an unsigned LEB128 number of at most the given bits.
func (r *reader) unsigned(bits uint, what string) uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := r.byte(what)
		if !r.ok() {
			return 0
		}
		if shift >= bits || (shift+7 > bits && b>>(bits-shift) != 0) {
			r.malformed("%s: number longer than %d bits", what, bits)
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

func (r *reader) u32(what string) uint32 { return uint32(r.unsigned(32, what)) }

// signed skips a signed LEB128 number of at most the given bits and returns it.
func (r *reader) signed(bits uint, what string) int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		b := r.byte(what)
		if !r.ok() {
			return 0
		}
		if shift >= bits {
			r.malformed("%s: number longer than %d bits", what, bits)
			return 0
		}
		v |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if shift+7 < 64 && b&0x40 != 0 {
			v |= -1 << (shift + 7)
		}
		if !signedFits(v, b, shift, bits) {
			r.malformed("%s: number longer than %d bits", what, bits)
			return 0
		}
		return v
	}
}

// signedFits checks that the last byte of a signed number has no bits beyond
// the width except copies of the sign.
func signedFits(v int64, last byte, shift, bits uint) bool {
	if bits == 64 {
		return shift < 63 || last == 0 || last == 0x7f
	}
	limit := int64(1) << (bits - 1)
	return v >= -limit && v < limit
}

// count reads a vector's length, bounded by a limit and by the bytes that are
// left (every item takes at least one), before anything is allocated for it.
func (r *reader) count(limit int, what, name string) int {
	n := r.u32("the number of " + what)
	if !r.ok() {
		return 0
	}
	if uint64(n) > uint64(limit) {
		r.refuse(overLimit("too many "+what, uint64(n), uint64(limit), name))
		return 0
	}
	if int(n) > r.left() {
		r.short("the list of " + what)
		return 0
	}
	return int(n)
}

// name reads a UTF-8 name.
func (r *reader) name(what string) string {
	n := r.count(nameBytesMax, "bytes in "+what, "nameBytesMax")
	if !r.ok() {
		return ""
	}
	b := r.bytes[r.pos : r.pos+n]
	if !utf8.Valid(b) {
		r.malformed("%s is not UTF-8", what)
		return ""
	}
	r.pos += n
	return string(b)
}
