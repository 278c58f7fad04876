package wire

import (
	"encoding/binary"
	"unicode/utf8"
)

// The parts of CBOR (RFC 8949) a header is made of.
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorMap   = 5 << 5
	valueFalse = 0xf4
	valueTrue  = 0xf5

	// directMax is the largest argument that fits into a head byte; keys and the
	// number of pairs of a header stay within it, so each is one byte.
	directMax = 23
)

// coder walks the fields of one header in the order of their keys, either writing
// or reading them: a message's fields are listed once and serve both ways.
// Zero values are left out when writing and refused when reading, so that each
// message has one encoding. The first problem is kept in cause, and ends reading.
//
// Why not a general CBOR library: a header is a dozen integers, written and read
// for every heartbeat of every group; the general way costs ten times as much
// and would accept several encodings of one message.
type coder struct {
	data    []byte // written so far, or left to read
	reading bool
	pairs   int    // written so far, or left to read
	mapAt   int    // writing: where the map's head stands
	cause   string // what was wrong, "" when nothing
}

// writer returns a coder that appends a header to dst.
func writer(dst []byte) coder {
	return coder{data: append(dst, majorMap), mapAt: len(dst)}
}

// reader returns a coder that reads a header from the beginning of data.
func reader(data []byte) coder {
	c := coder{data: data, reading: true}
	if len(data) == 0 || data[0] < majorMap || data[0] > majorMap+directMax {
		c.fail("the header is no map")
		return c
	}
	c.pairs = int(data[0] - majorMap)
	c.data = data[1:]
	return c
}

// finish ends a header: all pairs must have been read.
func (c *coder) finish() {
	if !c.reading {
		c.data[c.mapAt] = byte(majorMap + c.pairs)
		return
	}
	if c.cause == "" && c.pairs > 0 {
		c.fail("a field is unknown, or out of order")
	}
}

// finishLenient ends a header that may hold fields of later versions: integers,
// booleans and strings under greater keys than known ones, in order.
func (c *coder) finishLenient(lastKey uint64) {
	for c.cause == "" && c.pairs > 0 {
		key := c.argument(majorUint)
		if c.cause == "" && key <= lastKey {
			c.fail("a field is out of order")
		}
		lastKey = key
		c.skipValue()
		c.pairs--
	}
}

// number is an unsigned integer field.
func number[T ~uint8 | ~uint32 | ~uint64](c *coder, key byte, v *T) {
	if !c.reading {
		if *v != 0 {
			c.writeKey(key)
			c.data = appendArgument(c.data, majorUint, uint64(*v))
		}
		return
	}
	if !c.readKey(key) {
		return
	}
	got := c.argument(majorUint)
	if got == 0 || uint64(T(got)) != got {
		c.fail("a number is zero or out of range")
		return
	}
	*v = T(got)
}

// boolean is a boolean field.
func boolean(c *coder, key byte, v *bool) {
	if !c.reading {
		if *v {
			c.writeKey(key)
			c.data = append(c.data, valueTrue)
		}
		return
	}
	if !c.readKey(key) {
		return
	}
	if len(c.data) == 0 || c.data[0] != valueTrue {
		c.fail("a flag is not true")
		return
	}
	c.data = c.data[1:]
	*v = true
}

// text is a string field of at most bytesMax bytes.
func text(c *coder, key byte, v *string, bytesMax int) {
	if !c.reading {
		if *v != "" {
			c.writeKey(key)
			c.data = appendArgument(c.data, majorText, uint64(len(*v)))
			c.data = append(c.data, *v...)
		}
		return
	}
	if !c.readKey(key) {
		return
	}
	length := c.argument(majorText)
	if length == 0 || length > uint64(bytesMax) || length > uint64(len(c.data)) {
		c.fail("a text is empty, too long or cut")
		return
	}
	got := c.data[:length]
	if !utf8.Valid(got) {
		c.fail("a text is not UTF-8")
		return
	}
	c.data = c.data[length:]
	*v = string(got)
}

func (c *coder) writeKey(key byte) {
	c.data = append(c.data, key)
	c.pairs++
}

// readKey takes the next key if it is the given one.
func (c *coder) readKey(key byte) bool {
	if c.cause != "" || c.pairs == 0 || len(c.data) == 0 || c.data[0] != key {
		return false
	}
	c.data = c.data[1:]
	c.pairs--
	return true
}

// argument reads a head byte of the given major type with its argument, which
// must be in its shortest form.
func (c *coder) argument(major byte) uint64 {
	if len(c.data) == 0 || c.data[0]&0xe0 != major {
		c.fail("a value is missing or of the wrong type")
		return 0
	}
	info := c.data[0] & 0x1f
	c.data = c.data[1:]
	if info <= directMax {
		return uint64(info)
	}
	size := 1 << (info - 24)
	if info > 27 || len(c.data) < size {
		c.fail("a value is cut or of indefinite length")
		return 0
	}
	var wide [8]byte
	copy(wide[8-size:], c.data)
	c.data = c.data[size:]
	got := binary.BigEndian.Uint64(wide[:])
	if got <= directMax || size > 1 && got < 1<<(4*size) {
		c.fail("a value is not in its shortest form")
	}
	return got
}

// skipValue passes over a value of a type that headers use.
func (c *coder) skipValue() {
	if c.cause != "" || len(c.data) == 0 {
		c.fail("a value is missing")
		return
	}
	switch first := c.data[0]; {
	case first == valueFalse || first == valueTrue:
		c.data = c.data[1:]
	case first&0xe0 == majorBytes || first&0xe0 == majorText:
		length := c.argument(first & 0xe0)
		if length > uint64(len(c.data)) {
			c.fail("a string is cut")
			return
		}
		c.data = c.data[length:]
	default:
		c.argument(majorUint)
	}
}

// fail keeps the first cause and stops all further reading.
func (c *coder) fail(cause string) {
	if c.cause == "" {
		c.cause = cause
	}
	c.pairs = 0
}

// appendArgument writes a head byte of the given major type and its argument in
// the shortest form.
func appendArgument(dst []byte, major byte, v uint64) []byte {
	switch {
	case v <= directMax:
		return append(dst, major|byte(v))
	case v < 1<<8:
		return append(dst, major|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), v)
}
