package storage

import (
	"encoding/binary"
	"fmt"
)

// reader takes fields off the front of b. The first problem sticks in err, and
// every field behind it reads as zero.
type reader struct {
	b   []byte
	err error
}

// uvarint reads a number in its shortest form, the only one that is written.
func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.err = fmt.Errorf("%w number", errMalformed)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// str reads a string of at most bytesMax bytes.
func (r *reader) str(bytesMax int) string {
	n := r.uvarint()
	if r.err != nil {
		return ""
	}
	if n > uint64(bytesMax) || n > uint64(len(r.b)) {
		r.err = fmt.Errorf("%w string", errMalformed)
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// expect reads a number and compares it.
func (r *reader) expect(want uint64, what string) {
	if got := r.uvarint(); r.err == nil && got != want {
		r.err = fmt.Errorf("it belongs to %s %d", what, got)
	}
}

// end returns the first problem; bytes that are left over are one.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.err = fmt.Errorf("%w: %d bytes left over", errMalformed, len(r.b))
	}
	return r.err
}
